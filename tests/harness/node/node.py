"""The node's life: a control plane, and beside it a box with containerd, kubelet and kube-proxy."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.harness.control_plane import ControlPlane
from tests.harness.control_plane.plane import HOSTS
from tests.harness.control_plane.program import Program
from tests.harness.node import arguments, documents, names, programs, registry
from tests.harness.node.box import Box
from tests.harness.node.containers import Containers
from tests.harness.node.images import SLEEP, Buildah
from tests.harness.node.network import Network
from tests.harness.node.pods import Pods
from tests.harness.node.programs import Programs
from tests.harness.node.registry import Registry

NOT_READY = "node.kubernetes.io/not-ready"


class Node(Pods, ControlPlane):
    """A control plane with kube-scheduler and one real node, on which pods run: kubelet, containerd, runc, kube-proxy.

    It is used as a control plane is. This machine reaches pods and ClusterIPs directly. Pods reach each other, Services
    (by name too, although CoreDNS is not there: `names`), the API server and nothing else: there is no way out.
    NetworkPolicies have no effect. Images are those that were loaded, or pushed to its `registry`. Nothing is left
    behind when the process that started it is killed, and nothing of this machine is changed but one link and a route
    to it while it lives.
    """

    containers: Containers
    """What containerd holds: images and running containers."""

    def __init__(
        self,
        found: Programs | None = None,
        *,
        hosts: Sequence[str] = (),
        apiserver_arguments: Sequence[str] = (),
        controller_manager_arguments: Sequence[str] = (),
        deadline: float = 120,
    ) -> None:
        super().__init__(
            controller_manager_arguments=[*arguments.CONTROLLER_MANAGER, *controller_manager_arguments],
            deadline=deadline,
        )
        self._given = found
        self._further_hosts = hosts
        self._further_arguments = apiserver_arguments
        self._box = Box()
        self._node_programs: list[Program] = []
        self._servers = ExitStack()

    @property
    def network(self) -> Network:
        """The addresses of the node, of its pods and Services."""
        return self._box.network

    @property
    def url(self) -> str:
        """The API server's address, at this machine's end of the link to the node; it stays the same over restarts."""
        return f"https://{self.network.outside}:{self.site.port}"

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where its files are: those of the control plane with all logs, and those in the node's namespaces.

        Whatever else it has on this machine bears the name of one of the two.
        """
        return self.site.folder, self._box.folder

    def start(self) -> None:
        """Start it and return when the node takes pods; raises StartError or BoxError, and then nothing is left."""
        self._found = self._given or programs.find()
        self._box.start(self._found.environment)
        try:
            self._binaries = self._found.kubernetes
            # Only now is it known where all will be.
            self._hosts = (*HOSTS, str(self.network.outside), str(self.network.services[1]), *self._further_hosts)
            self._apiserver_arguments = [*arguments.kube_apiserver(self.network), *self._further_arguments]
            super().start()
            self._start_rest()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything that was started in and for the node, whatever its pods do; does nothing if it is stopped."""
        try:
            self._servers.close()
            for program in reversed(self._node_programs):
                program.stop()
            self._node_programs = []
            super().stop()
        finally:
            self._box.stop()

    def check(self) -> None:
        """Raise StartError, with the end of its log, if a program has ended by itself."""
        super().check()
        for program in self._node_programs:
            program.check()

    def stop_kubelet(self) -> None:
        """Kill kubelet: containers go on running, probes do not, and the API calls the node ready for 40 s more.

        Waits until no pod or namespace is being deleted. Else the Secrets of such a pod may go while kubelet is away;
        once it is back it waits for them before it ends the pod, which stays in the API and holds up every drain.
        """
        self.wait_deleted()
        self._kubelet.stop()

    def start_kubelet(self) -> None:
        """Bring kubelet back and return when the node has reported that it is ready."""
        before = self._heartbeat()
        self._kubelet.start()
        self._await(self._kubelet, lambda: self._heartbeat() not in {before, None})

    def build_image(self, command: Sequence[str] = SLEEP, files: Mapping[str, str] | None = None) -> Path:
        """Build a small image of busybox that runs *command*, with *files* by their full paths, as an OCI archive."""
        return self._buildah.busybox(command, files)

    def load_image(self, archive: Path, name: str) -> None:
        """Put the image in the OCI *archive* into the node's cache as *name*; an image of that name loses it."""
        self.containers.load(archive, name)

    def registry(self) -> AbstractContextManager[Registry]:
        """Run a registry while the context lasts; the node pulls from it whatever images its cache does not have."""
        return registry.running(self._box, self._found, self._buildah, self.site.folder)

    def _write_files(self) -> None:
        super()._write_files()
        folder = self._box.folder
        clients = documents.write(self._box, self._found, self.url, self.ca_pem)
        (self.site.folder / "clients.crt").write_text(clients, encoding="ascii")
        self._containerd = self._program("containerd", arguments.containerd(self._found, folder))
        self._kubelet = self._program("kubelet", arguments.kubelet(self._found, folder, self.network))
        self._node_programs = [self._containerd, self._kubelet]
        # They need the API server only after they have looked around for as long as that takes to start.
        self._containerd.start()
        self._kubelet.start()

    def _start_rest(self) -> None:
        folder = self._box.folder
        proxy = self._program("kube-proxy", arguments.kube_proxy(self._found, folder))
        scheduler = self._program("kube-scheduler", arguments.kube_scheduler(self._found, folder))
        self._node_programs += [proxy, scheduler]
        proxy.start()
        scheduler.start()
        self.containers = Containers(self._box, self._found)
        self._buildah = Buildah(self._found, folder / "images")
        self._await(self._containerd, self.containers.ready)
        self.load_image(self.build_image(), arguments.PAUSE)
        client = self._servers.enter_context(self.client())
        self._servers.enter_context(names.serving(self.network.outside, names.services(client)))
        self._await(self._kubelet, lambda: self._heartbeat() is not None)

    def _program(self, name: str, command: Sequence[str]) -> Program:
        return Program(name, self._box.command(*command), self.site.folder)

    def _heartbeat(self) -> str | None:
        """Return when the node last reported that it is ready for pods; None if it is not."""
        nodes = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        times = [
            str(condition["lastHeartbeatTime"])
            for node in nodes
            for condition in node["status"].get("conditions", ())
            if (condition["type"], condition["status"]) == ("Ready", "True")
            and not any(taint["key"] == NOT_READY for taint in node["spec"].get("taints", ()))
        ]
        return times[0] if times else None
