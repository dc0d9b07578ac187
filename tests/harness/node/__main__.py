"""`python -m tests.harness.node`: a one-node cluster to play with, until Ctrl-C."""

import signal

import click

from tests.harness.node import Node, programs

ENDINGS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

UP = """\
Kubernetes {version} is up at {url}, with one node that runs pods.

    export KUBECONFIG={kubeconfig}
    kubectl get nodes

Images come from the registry at {registry}. What is pushed there as
NAME:TAG is what the node finds for NAME:TAG in any registry:

    buildah push --tls-verify=false IMAGE docker://{registry}/apache/airflow:2.10.5
    kubectl create deployment web --image=apache/airflow:2.10.5

and so is busybox, pushed already: kubectl create deployment box --image=busybox:1

This machine reaches pods ({pods}) and Services ({services}).
Logs of all programs, audit.log and certificates are in {folder}
Ctrl-C stops it and leaves nothing behind."""


@click.command()
def main() -> None:
    """Start a cluster with one real node: kubelet, containerd, runc and kube-proxy. Stay until Ctrl-C.

    It needs root. Everything runs in namespaces of its own, so that no containerd, Docker, bridge or iptables rule of
    this machine is touched: the machine gets one network link and a route, for as long as the cluster is there.
    Programs that are missing are built or unpacked from Debian's packages first, which takes ten minutes, once.

    Then, in another terminal, with what is printed:

    \b
        export KUBECONFIG=...
        kubectl create deployment box --image=busybox:1
        kubectl get pods
        kubectl exec deploy/box -- id

    Pods have no way out to the Internet, so images must be pushed to the registry whose address is printed. Services
    are found by name, as with CoreDNS. Ctrl-C, or SIGTERM, ends every process and removes every file; so does the end
    of this program in any other way.
    """
    try:
        with Node(programs.find()) as node, node.registry() as registry:
            registry.push(node.build_image(), "busybox:1")
            text = UP.format(
                version=".".join(map(str, node.version)),
                url=node.url,
                kubeconfig=node.kubeconfig,
                registry=registry.address,
                pods=node.network.pods,
                services=node.network.services,
                folder=node.site.folder,
            )
            # Blocked after the start, since children inherit it.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
            click.echo(text)
            while signal.sigtimedwait(ENDINGS, 1) is None:
                node.check()
    except (RuntimeError, OSError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m tests.harness.node")
