"""The files that a node's programs read, written into the folders that they run in."""

from tests.harness.control_plane import credentials, pki
from tests.harness.node import arguments
from tests.harness.node.box import Box
from tests.harness.node.programs import Programs

USERS = {  # kubeconfig -> user and groups
    "kubelet": (f"system:node:{arguments.NAME}", "system:nodes"),
    "kube-proxy": ("system:kube-proxy",),
    "kube-scheduler": ("system:kube-scheduler",),
}


def write(box: Box, programs: Programs, url: str, ca_pem: str) -> str:
    """Write the files of the node in *box*, whose API server is at *url*, with a certificate by *ca_pem*'s authority.

    Returns the authorities, as PEM, whose clients the API server is to know: the node has one of its own.
    """
    authority = pki.Authority("airlock-test-node")
    clients = ca_pem + authority.certificate
    files = {
        "clients.crt": clients,
        "containerd.toml": arguments.containerd_toml(programs, box.folder),
        "kubelet.yaml": arguments.kubelet_yaml(programs, box.folder, box.network, box.control_group),
        "kube-proxy.yaml": arguments.kube_proxy_yaml(box.folder, box.network),
        "cni/pods.conflist": arguments.cni(box.network, box.folder),
    }
    for name, (user, *groups) in USERS.items():
        files[f"{name}.kubeconfig"] = credentials.kubeconfig(url, ca_pem, name, authority.client(user, groups))
    for folder in ("cni", "registries", "images"):
        (box.folder / folder).mkdir()
    for name, text in files.items():
        (box.folder / name).write_text(text, encoding="utf-8")
    return clients
