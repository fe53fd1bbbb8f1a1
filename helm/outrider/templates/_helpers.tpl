{{- define "outrider.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}
{{- define "outrider.labels" -}}
app.kubernetes.io/part-of: outrider
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
{{- define "outrider.selector" -}}
app.kubernetes.io/part-of: outrider
app.kubernetes.io/instance: {{ .release }}
app.kubernetes.io/component: {{ .part }}
{{- end }}
{{- define "outrider.secret" -}}{{ .Values.hub.existingSecret | default (include "outrider.name" .) }}{{- end }}
{{- /* Not empty where the Hub has a PostgreSQL. */}}
{{- define "outrider.hubDatabase" -}}{{ if or .Values.hub.databaseUrl .Values.hub.databaseInSecret }}yes{{ end }}{{- end }}
{{- define "outrider.claim" -}}{{ .Values.storage.existingClaim | default (printf "%s-platform" (include "outrider.name" .)) }}{{- end }}
{{- define "outrider.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.jobs.uid }}
runAsGroup: {{ .Values.jobs.uid }}
fsGroup: {{ .Values.jobs.uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}
{{- define "outrider.locked" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
{{- define "outrider.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets: {{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- define "outrider.fromSecret" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end }}
{{- define "outrider.proxyUrl" -}}
{{- if .Values.hub.external.apiUrl }}{{ $_ := required "hub.external.apiUrl needs hub.external.proxyUrl" .Values.hub.external.proxyUrl }}{{ end }}
{{- .Values.hub.external.proxyUrl | default (printf "http://%s-proxy.%s.svc" (include "outrider.name" .) .Release.Namespace) }}
{{- end }}
{{- define "outrider.publicUrl" -}}
{{- .Values.publicUrl | default "http://localhost:8000" }}
{{- end }}
{{- /* Not empty where notebooks have hosts of their own; refuses values with which nobody decided. */}}
{{- define "outrider.separate" -}}
{{- $host := (urlParse (include "outrider.publicUrl" .)).host | splitList ":" | first }}
{{- if eq .Values.sameOrigin "accept" }}
{{- else if or .Values.notebooksDomain (has $host (list "localhost" "127.0.0.1")) }}yes
{{- else }}
{{- fail "publicUrl needs notebooksDomain: on the Hub's own origin, whoever opens a hostile user's notebook hands over their account. Set notebooksDomain to *.users.example.net, whose names lead to the Ingress, or to one second name for all users; or sameOrigin=accept if every user trusts every other (docs/admin/security.md)." }}
{{- end }}
{{- end }}
