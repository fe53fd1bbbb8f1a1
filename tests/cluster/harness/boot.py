"""Boots the cluster: etcd, the control plane, containerd, kubelet, kube-proxy, DNS and a registry, on this machine."""

from __future__ import annotations

import json
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from . import processes
from .places import ADDRESS, API, BRIDGE, NODE, PODS, PRIVATE_REGISTRY, REGISTRY, SERVICES, cache, state
from .processes import start, wait_for
from .programs import CNI, Missing, find, go_programs

COMPONENTS = {
    "admin": ("outrider-test-admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "dns": ("system:coredns", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
}
MANY_REQUESTS = ("--kube-api-qps=200", "--kube-api-burst=400")


def kubeconfig(component: str = "admin") -> Path:
    return state() / "config" / f"{component}.kubeconfig"


def up() -> None:
    """Boot what does not run yet."""
    programs = go_programs()
    for folder in ("config", "containerd", "kubelet", "volumes"):
        (state() / folder).mkdir(parents=True, exist_ok=True)
    _network()
    _tokens()
    _registry()
    _control_plane(programs)
    _pause_image(programs["pause"])
    _node(programs)
    wait_for("the node is not ready", lambda: "True" in _node_ready(), 90)


def try_a_container() -> None:
    """A first pod, of this harness's own making: where not even that runs, it is the machine. Raises Missing."""
    name = "first"
    container = {"name": name, "image": f"{REGISTRY}/outrider-test/pause:latest"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    def runs() -> bool:
        # The default account, without which no pod is taken, comes a moment after the API.
        kubectl("apply", "-f", "-", stdin=json.dumps(pod), check=False)
        return kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}", check=False) == "Running"

    try:
        wait_for("no container runs", runs, 90)
    except TimeoutError as error:
        events = kubectl("get", "events", "-o", "jsonpath={range .items[*]}{.reason}: {.message}\n{end}", check=False)
        raise Missing(f"{error}: {events[-2000:]}") from error
    finally:
        kubectl("delete", "pod", name, "--ignore-not-found", "--wait=true", check=False)


def kubectl(*words: str, stdin: str | None = None, check: bool = True) -> str:
    """Run kubectl as the administrator."""
    done = subprocess.run(
        [str(go_programs("kubernetes")["kubectl"]), f"--kubeconfig={kubeconfig()}", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if check and done.returncode:
        raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def start_private_registry() -> tuple[str, str]:
    """Also has the images, for one account alone: its name and password."""
    account = "reader"
    accounts = state() / "config" / "accounts"
    # The password's hash, by bcrypt at its least cost: what it protects is nobody's.
    accounts.write_text(f"{account}:$2b$04$bBV1v35LHXdrr8Oq7wdBf.8UvRYhxBzAdakJHwF7YqO2YRFZi10L2\n")
    _registry("private-registry", PRIVATE_REGISTRY, auth={"htpasswd": {"realm": "tests", "path": str(accounts)}})
    return account, "pull-password"


def start_api_server() -> None:
    """Also used by the tests that take it away for a while."""
    programs = go_programs("kubernetes")
    config = state() / "config"
    start(
        "kube-apiserver",
        [
            programs["kube-apiserver"],
            "--etcd-servers=http://127.0.0.1:23790",
            f"--bind-address={ADDRESS}",
            f"--advertise-address={ADDRESS}",
            "--secure-port=6443",
            f"--service-cluster-ip-range={SERVICES}",
            f"--cert-dir={config}/apiserver",
            f"--token-auth-file={config}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={config}/sa.pub",
            f"--service-account-signing-key-file={config}/sa.key",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            f"--kubelet-client-certificate={config}/kubelet-client.crt",
            f"--kubelet-client-key={config}/kubelet-client.key",
        ],
    )
    wait_for("the API server does not answer", _api_ready)


def start_kubelet() -> None:
    """Also used by the tests that take it away for a while."""
    start(
        "kubelet",
        [
            go_programs("kubernetes")["kubelet"],
            f"--config={state()}/config/kubelet.json",
            f"--kubeconfig={kubeconfig('kubelet')}",
            f"--root-dir={state()}/kubelet",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
        ],
    )


# -- parts --------------------------------------------------------------------------------------------------------


def _network() -> None:
    ip = find("ip")
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        subprocess.run([ip, "link", "add", BRIDGE, "type", "bridge"], check=True)
        subprocess.run([ip, "addr", "add", f"{ADDRESS}/16", "dev", BRIDGE], check=True)
        subprocess.run([ip, "link", "set", BRIDGE, "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    filtered = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if filtered.exists():
        filtered.write_text("1")
    for rule in forward_rules():
        present = subprocess.run([find("iptables"), "-C", *rule], capture_output=True, check=False).returncode == 0
        if not present:
            subprocess.run([find("iptables"), "-I", *rule], check=True)
    plugins: list[dict[str, Any]] = [
        {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS, "rangeStart": "10.244.1.1", "gateway": ADDRESS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": f"{state()}/cni/addresses",
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    folder = state() / "cni" / "net.d"
    folder.mkdir(parents=True, exist_ok=True)
    config = {"cniVersion": "0.4.0", "name": "outrider-cluster", "plugins": plugins}
    (folder / "10-outrider.conflist").write_text(json.dumps(config))


def forward_rules() -> list[list[str]]:
    """Docker sets the policy to DROP where it runs."""
    comment = ["-m", "comment", "--comment", "outrider-cluster"]
    return [["FORWARD", way, BRIDGE, *comment, "-j", "ACCEPT"] for way in ("-i", "-o")]


def _tokens() -> None:
    config = state() / "config"
    if not (config / "sa.key").exists():
        openssl = find("openssl")
        subprocess.run([openssl, "genrsa", "-out", config / "sa.key", "2048"], check=True, capture_output=True)
        public: list[str | Path] = [openssl, "rsa", "-in", config / "sa.key", "-pubout", "-out", config / "sa.pub"]
        subprocess.run(public, check=True, capture_output=True)
        # Who the API server is to the kubelet, for logs and exec.
        who = ["-subj", "/O=system:masters/CN=apiserver", "-days", "3650"]
        pair: list[str | Path] = ["-keyout", config / "kubelet-client.key", "-out", config / "kubelet-client.crt"]
        request: list[str | Path] = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *who, *pair]
        subprocess.run(request, check=True, capture_output=True)
    if (config / "tokens.csv").exists():
        return
    rows = []
    for component, (user, group) in COMPONENTS.items():
        token = secrets.token_hex(16)
        rows.append(f'{token},{user},{component},"{group}"')
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": component}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": API, "certificate-authority": f"{config}/apiserver/apiserver.crt"},
                }
            ],
            "users": [{"name": component, "user": {"token": token}}],
        }
        kubeconfig(component).touch(mode=0o600)
        kubeconfig(component).write_text(json.dumps(content))
    (config / "tokens.csv").touch(mode=0o600)
    (config / "tokens.csv").write_text("\n".join(rows) + "\n")


def _registry(name: str = "registry", address: str = REGISTRY, **settings: Any) -> None:
    if processes.running(name) is None:
        config = state() / "config" / f"{name}.json"
        content = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": f"{cache()}/registry"}, "delete": {"enabled": True}},
            "http": {"addr": address},
            "log": {"level": "error"},
            **settings,
        }
        config.write_text(json.dumps(content))
        start(name, [find("docker-registry"), "serve", config])
    wait_for(f"the {name} does not answer", lambda: answers(f"http://{address}/v2/"))


def _control_plane(programs: dict[str, Path]) -> None:
    config = state() / "config"
    if processes.running("etcd") is None:
        etcd = [find("etcd"), f"--data-dir={state()}/etcd", "--unsafe-no-fsync", "--log-level=error"]
        etcd += ["--listen-client-urls=http://127.0.0.1:23790", "--advertise-client-urls=http://127.0.0.1:23790"]
        etcd += ["--listen-peer-urls=http://127.0.0.1:23800"]
        start("etcd", etcd)
        wait_for("etcd does not answer", lambda: answers("http://127.0.0.1:23790/health"))
    if processes.running("kube-apiserver") is None:
        start_api_server()
    if processes.running("kube-controller-manager") is None:
        start(
            "kube-controller-manager",
            [
                programs["kube-controller-manager"],
                f"--kubeconfig={kubeconfig('controller-manager')}",
                "--use-service-account-credentials",
                f"--service-account-private-key-file={config}/sa.key",
                f"--root-ca-file={config}/apiserver/apiserver.crt",
                "--leader-elect=false",
                "--node-monitor-period=1s",
                "--node-monitor-grace-period=10s",
                # Its own restraint would be all that is measured where many jobs come at once.
                *MANY_REQUESTS,
                f"--cert-dir={config}/controller-manager",
            ],
        )
    if processes.running("kube-scheduler") is None:
        start(
            "kube-scheduler",
            [
                programs["kube-scheduler"],
                f"--kubeconfig={kubeconfig('scheduler')}",
                "--leader-elect=false",
                *MANY_REQUESTS,
                f"--cert-dir={config}/scheduler",
            ],
        )


def _pause_image(program: Path) -> None:
    from .images import push_single_file

    push_single_file("outrider-test/pause", program)


def _node(programs: dict[str, Path]) -> None:
    config = state() / "config"
    socket = state() / "containerd" / "containerd.sock"
    if processes.running("containerd") is None:
        hosts = state() / "config" / "certs.d"
        for name, address in {"docker.io": REGISTRY, REGISTRY: REGISTRY, PRIVATE_REGISTRY: PRIVATE_REGISTRY}.items():
            (hosts / name).mkdir(parents=True, exist_ok=True)
            text = f'[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
            (hosts / name / "hosts.toml").write_text(text)
        (config / "containerd.toml").write_text(_containerd_config(hosts))
        start("containerd", [find("containerd"), "--config", config / "containerd.toml"])
        wait_for("containerd does not answer", socket.exists)
    (config / "kubelet.json").write_text(json.dumps(_kubelet_config()))
    if processes.running("kubelet") is None:
        start_kubelet()
    if processes.running("kube-proxy") is None:
        proxy = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": PODS,
            "conntrack": {"maxPerCore": 0},
            "hostnameOverride": NODE,
            "clientConnection": {"kubeconfig": str(kubeconfig("proxy"))},
            "iptables": {"minSyncPeriod": "0s"},
        }
        (config / "proxy.json").write_text(json.dumps(proxy))
        start("kube-proxy", [programs["kube-proxy"], f"--config={config}/proxy.json"])
    if processes.running("coredns") is None:
        corefile = f""".:53 {{
            bind {ADDRESS}
            errors
            kubernetes cluster.local in-addr.arpa {{
                kubeconfig {kubeconfig("dns")}
            }}
            cache 5 {{
                disable denial cluster.local
            }}
            forward . /etc/resolv.conf
        }}"""
        (config / "Corefile").write_text(corefile)
        kubectl("apply", "-f", "-", stdin=json.dumps(_dns_role()))
        start("coredns", [programs["coredns"], "-conf", config / "Corefile"])


def _containerd_config(hosts: Path) -> str:
    return f"""version = 2
root = "{state()}/containerd/root"
state = "{state()}/containerd/state"
[grpc]
  address = "{state()}/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{REGISTRY}/outrider-test/pause:latest"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{state()}/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{hosts}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def _kubelet_config() -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "evictionHard": {},
        "containerRuntimeEndpoint": f"unix://{state()}/containerd/containerd.sock",
        "clusterDNS": [ADDRESS],
        "clusterDomain": "cluster.local",
        "address": ADDRESS,
        "authentication": {
            "webhook": {"enabled": True},
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": f"{state()}/config/kubelet-client.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "podLogsDir": f"{state()}/pod-logs",
        "registryPullQPS": 50,
        "registryBurst": 100,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "3s",
        "nodeLeaseDurationSeconds": 10,
        "maxPods": 250,
        "podPidsLimit": 4096,
        "kubeReserved": {"cpu": "50m"},
        # The node's real processors are few; what is tested is not how the kernel shares them.
        "volumePluginDir": f"{state()}/kubelet-plugins",
    }


def _dns_role() -> dict[str, Any]:
    rules = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "system:coredns"}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "system:coredns"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"kind": "User", "apiGroup": group, "name": "system:coredns"}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [role, binding]}


# -- looking ------------------------------------------------------------------------------------------------------


def answers(url: str) -> bool:
    context = ssl._create_unverified_context() if url.startswith("https") else None
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            return bool(response.status < 400)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except OSError:
        return False


def _api_ready() -> bool:
    return answers(f"{API}/readyz") and kubectl("get", "--raw=/readyz", check=False) == "ok"


def _node_ready() -> str:
    path = "{.status.conditions[?(@.type=='Ready')].status}"
    return kubectl("get", "node", NODE, "-o", f"jsonpath={path}", check=False)
