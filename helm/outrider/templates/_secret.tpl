{{- /* What JupyterHub demands of each value (hub/outrider_hub/demands.py has the same for what reaches the Hub). */}}
{{- define "outrider.demands" -}}
admin-password: { form: "^[!-~]{32,}$", words: "at least 32 characters, all of them printable ASCII and none a space" }
cookie-secret: { form: "^([0-9a-fA-F]{2}){32,}$", words: "at least 64 hexadecimal digits (openssl rand -hex 32)" }
proxy-token: { form: "^[!-~]{8,}$", words: "at least 8 characters, all of them printable ASCII and none a space" }
service-token: { form: "^[!-~]{8,}$", words: "at least 8 characters, all of them printable ASCII and none a space" }
spawner-token: { form: "^[!-~]{8,}$", words: "at least 8 characters, all of them printable ASCII and none a space" }
metrics-token: { form: "^[!-~]{8,}$", words: "at least 8 characters, all of them printable ASCII and none a space" }
{{- end }}
{{- /*
The chart's own secrets, base64 as in the Secret. A value that is there stays, unless JupyterHub would refuse to start
with it. Random values differ each time they are made, so they are made once and remembered for the other templates.
*/}}
{{- define "outrider.secretData" -}}
{{- if not (hasKey .Values "generatedSecretData") }}
{{- $old := (lookup "v1" "Secret" .Release.Namespace (include "outrider.name" .)).data | default dict }}
{{- $data := dict }}
{{- range $key, $demand := include "outrider.demands" . | fromYaml }}
{{- $fresh := eq $key "cookie-secret" | ternary (randAlphaNum 64 | sha256sum) (randAlphaNum 48) }}
{{- $kept := index $old $key | default "" | b64dec }}
{{- $_ := set $data $key (regexMatch $demand.form $kept | ternary $kept $fresh | b64enc) }}
{{- end }}
{{- $_ := set .Values "generatedSecretData" $data }}
{{- end }}
{{- toYaml .Values.generatedSecretData }}
{{- end }}
{{- /* A Secret of the operator's own, refused here rather than by a Hub that cannot start. Without a cluster to ask
(helm template) there is nothing to see, and the Hub says the same. */}}
{{- define "outrider.ownSecretData" -}}
{{- $name := .Values.hub.existingSecret }}
{{- $found := lookup "v1" "Secret" .Release.Namespace $name }}
{{- $data := $found.data | default dict }}
{{- if $found }}
{{- $keys := list "service-token" "spawner-token" }}
{{- if not .Values.hub.external.apiUrl }}{{ $keys = concat $keys (list "proxy-token" "cookie-secret" "admin-password") }}{{ end }}
{{- range $key, $demand := include "outrider.demands" . | fromYaml }}
{{- if hasKey $data $key }}
{{- $value := index $data $key | b64dec }}
{{- if not (regexMatch $demand.form $value) }}
{{- fail (printf "the Secret %s (hub.existingSecret) has a %s that JupyterHub refuses: it needs %s, and there are %d characters" $name $key $demand.words (len $value)) }}
{{- end }}
{{- else if has $key $keys }}
{{- fail (printf "the Secret %s (hub.existingSecret) has no key %s" $name $key) }}
{{- end }}
{{- end }}
{{- if and .Values.hub.databaseInSecret (not (hasKey $data "hub-database")) }}{{ fail (printf "the Secret %s (hub.existingSecret) has no key hub-database" $name) }}{{ end }}
{{- if and .Values.service.databaseInSecret (not (hasKey $data "service-database")) }}{{ fail (printf "the Secret %s (hub.existingSecret) has no key service-database" $name) }}{{ end }}
{{- end }}
{{- toYaml $data }}
{{- end }}
{{- /* Changes with the secrets that a program reads, so that it is restarted when one was replaced. */}}
{{- define "outrider.secretChecksum" -}}
{{- $name := empty .root.Values.hub.existingSecret | ternary "outrider.secretData" "outrider.ownSecretData" }}
{{- $data := include $name .root | fromYaml }}
{{- $used := dict }}
{{- range .keys }}{{ $_ := set $used . (index $data . | default "") }}{{ end }}
{{- toJson $used | sha256sum }}
{{- end }}
