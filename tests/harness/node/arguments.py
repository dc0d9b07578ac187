"""Command lines and configuration files for the programs of a node, as functions of their folder."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.harness.node.box import BRIDGE
from tests.harness.node.network import Network
from tests.harness.node.programs import Programs

NAME = "node"
CLUSTER_DOMAIN = "cluster.local"
PAUSE = "airlock.test/pause:1"
API_SERVER = (
    "--endpoint-reconciler-type=lease",  # so that the Service `kubernetes` leads to it
    "--client-ca-file=clients.crt",  # relative to the folder it runs in, like those below
    "--kubelet-client-certificate=admin.crt",
    "--kubelet-client-key=admin.key",
    "--kubelet-preferred-address-types=InternalIP",
    "--enable-aggregator-routing=true",  # it reaches webhooks' pods, and no Service addresses: those are the node's
    "--enable-admission-plugins=NodeRestriction",
)
CONTROLLER_MANAGER = ("--node-monitor-period=1s",)  # how soon a ready node is given pods


def kube_apiserver(network: Network) -> list[str]:
    """Return what kube-apiserver of a cluster with a node is told otherwise than one without."""
    return [
        *API_SERVER,
        f"--bind-address={network.outside}",
        f"--advertise-address={network.outside}",
        f"--service-cluster-ip-range={network.services}",
    ]


def kube_scheduler(programs: Programs, folder: Path) -> list[str]:
    """Return the command line of kube-scheduler."""
    command = [
        programs.kubernetes.path("kube-scheduler"),
        f"--kubeconfig={folder / 'kube-scheduler.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    if programs.kubernetes.version < (1, 24):  # from there on there is no insecure port
        command.append("--port=0")
    return command


def containerd(programs: Programs, folder: Path) -> list[str]:
    """Return the command line of containerd, which has nothing in common with one of the machine."""
    return [programs.path("containerd"), f"--config={folder / 'containerd.toml'}"]


def ctr(programs: Programs, folder: Path) -> list[str]:
    """Return the beginning of a command line of ctr, containerd's own client, for the images and tasks of pods."""
    return [programs.path("ctr"), f"--address={folder / 'containerd.sock'}", "--namespace=k8s.io"]


def containerd_toml(programs: Programs, folder: Path) -> str:
    """Return containerd's configuration."""
    # JSON's strings are TOML's.
    return f"""\
version = 2
root = {json.dumps(str(folder / "containerd"))}
state = {json.dumps(str(folder / "containerd-state"))}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = {json.dumps(str(folder / "containerd.sock"))}

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true  # a container may not be allowed to lower it
netns_mounts_under_state_dir = true
disable_tcp_service = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {json.dumps(str(programs.folder))}
conf_dir = {json.dumps(str(folder / "cni"))}

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {json.dumps(str(folder / "registries"))}
"""


def cni(network: Network, folder: Path) -> str:
    """Return the configuration of the pods' network: a bridge, from which they reach the outside as themselves."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "addresses"),
            "ranges": [[{"subnet": str(network.pods)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}, indent=2)


def kubelet(programs: Programs, folder: Path, network: Network) -> list[str]:
    """Return the command line of kubelet."""
    command = [
        programs.kubernetes.path("kubelet"),
        f"--config={folder / 'kubelet.yaml'}",
        f"--kubeconfig={folder / 'kubelet.kubeconfig'}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet-certificates'}",
        f"--hostname-override={NAME}",
        f"--node-ip={network.inside}",
        f"--container-runtime-endpoint=unix://{folder / 'containerd.sock'}",
    ]
    if programs.kubernetes.version < (1, 27):  # from there on there is no other
        command.append("--container-runtime=remote")
    return command


def kubelet_yaml(programs: Programs, folder: Path, network: Network, control_group: str) -> str:
    """Return kubelet's configuration: secured as in life, quick to follow, and content with any machine."""
    # From 1.35 on it refuses machines with the first version of control groups; before, it knows no such field.
    accepting = {"failCgroupV1": False} if programs.kubernetes.version >= (1, 35) else {}
    return _document(
        "kubelet.config.k8s.io/v1beta1",
        "KubeletConfiguration",
        authentication={
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(folder / "clients.crt")},
        },
        authorization={"mode": "Webhook"},
        cgroupDriver="cgroupfs",
        cgroupRoot=control_group,
        cgroupsPerQOS=True,
        enforceNodeAllocatable=[],
        failSwapOn=False,
        # Full disks and little memory are the machine's matter.
        evictionHard={"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        imageGCHighThresholdPercent=100,
        configMapAndSecretChangeDetectionStrategy="Watch",
        nodeStatusUpdateFrequency="1s",  # that it is ready stands in the second report
        nodeStatusReportFrequency="10s",
        syncFrequency="1s",  # the kubelet rewrites mounted ConfigMaps and Secrets when it syncs a pod
        clusterDNS=[str(network.outside)],
        clusterDomain=CLUSTER_DOMAIN,
        resolvConf="",
        serializeImagePulls=False,
        registryPullQPS=0,
        eventRecordQPS=0,
        kubeAPIQPS=100,
        kubeAPIBurst=200,
        volumePluginDir=str(folder / "volume-plugins"),
        **accepting,
    )


def kube_proxy(programs: Programs, folder: Path) -> list[str]:
    """Return the command line of kube-proxy."""
    return [programs.kubernetes.path("kube-proxy"), f"--config={folder / 'kube-proxy.yaml'}"]


def kube_proxy_yaml(folder: Path, network: Network) -> str:
    """Return kube-proxy's configuration: iptables, and no settings of connection tracking, which are the machine's."""
    return _document(
        "kubeproxy.config.k8s.io/v1alpha1",
        "KubeProxyConfiguration",
        clientConnection={"kubeconfig": str(folder / "kube-proxy.kubeconfig")},
        hostnameOverride=NAME,
        mode="iptables",
        # An answer goes back the way it came, also between two pods of the bridge where bridges are not filtered.
        iptables={"masqueradeAll": True, "minSyncPeriod": "100ms"},
        conntrack={"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        bindAddress=str(network.inside),  # else it waits until the node is known
        healthzBindAddress="127.0.0.1:10256",
        metricsBindAddress="127.0.0.1:10249",
    )


def _document(version: str, kind: str, **fields: Any) -> str:
    return yaml.safe_dump({"apiVersion": version, "kind": kind, **fields}, sort_keys=False)
