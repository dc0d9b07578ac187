"""Command lines for the programs of a control plane, as functions of its folder."""

from dataclasses import dataclass
from pathlib import Path

from tests.harness.control_plane.binaries import Binaries
from tests.harness.control_plane.ports import LOOPBACK

# Tokens come and go too often to be read, but their bodies would be secrets; a pod's body shows what webhooks patched,
# that of a webhook configuration on what a patch was conditional.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Request
    verbs: [create, update, patch]
    resources: [{group: "", resources: [pods, pods/ephemeralcontainers]}, {group: admissionregistration.k8s.io}]
  - level: Metadata
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where one control plane lies: its folder, programs and ports."""

    folder: Path
    binaries: Binaries
    port: int
    etcd_port: int

    def file(self, name: str) -> str:
        """Return the full path of *name* in the folder."""
        return str(self.folder / name)

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def etcd_url(self) -> str:
        """The address of etcd, plain HTTP."""
        return f"http://{LOOPBACK}:{self.etcd_port}"


def etcd(site: Site) -> list[str]:
    """Return the command line of etcd: one member, which need not survive a power cut."""
    return [
        site.binaries.path("etcd"),
        f"--data-dir={site.file('etcd')}",
        f"--listen-client-urls={site.etcd_url}",
        f"--advertise-client-urls={site.etcd_url}",
        f"--listen-peer-urls=http://{LOOPBACK}:0",
        "--unsafe-no-fsync",
        "--logger=zap",
        "--log-outputs=stderr",
        "--log-level=warn",
    ]


def kube_apiserver(site: Site) -> list[str]:
    """Return the command line of kube-apiserver: RBAC, an audit log, bound to loopback."""
    command = [
        site.binaries.path("kube-apiserver"),
        f"--etcd-servers={site.etcd_url}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={site.port}",
        "--endpoint-reconciler-type=none",  # loopback may not stand in Endpoints
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--tls-cert-file={site.file('apiserver.crt')}",
        f"--tls-private-key-file={site.file('apiserver.key')}",
        f"--client-ca-file={site.file('ca.crt')}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={site.file('tokens.pub')}",
        f"--service-account-signing-key-file={site.file('tokens.key')}",
        "--allow-privileged=true",
        f"--audit-policy-file={site.file('audit-policy.yaml')}",
        f"--audit-log-path={site.file('audit.log')}",
        "--audit-log-maxsize=1024",  # MB, so that one file holds it all
    ]
    if site.binaries.version < (1, 23):  # from there on they are on, later the gate is gone
        command.append("--feature-gates=EphemeralContainers=true")
    return command


def kube_controller_manager(site: Site) -> list[str]:
    """Return the command line of kube-controller-manager: every controller under its own ServiceAccount."""
    command = [
        site.binaries.path("kube-controller-manager"),
        f"--kubeconfig={site.file('controller-manager.kubeconfig')}",
        f"--root-ca-file={site.file('ca.crt')}",
        f"--service-account-private-key-file={site.file('tokens.key')}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",  # the defaults are for sharing a server with a whole cluster
        "--kube-api-burst=400",
    ]
    if site.binaries.version < (1, 24):  # from there on there is no insecure port
        command.append("--port=0")
    return command
