"""Starts the control plane in a folder of its own, and stops it without a trace."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kubernetes.client import ApiClient
from urllib3.exceptions import HTTPError

from tests.harness.control_plane import arguments, binaries, credentials, pki, ports
from tests.harness.control_plane.access import Access
from tests.harness.control_plane.arguments import Site
from tests.harness.control_plane.guard import Guard
from tests.harness.control_plane.program import Program
from tests.harness.waiting import until

HOSTS = (ports.LOOPBACK, "::1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.0.0.1")
MEMORY = Path("/dev/shm")  # noqa: S108  # only a private folder in it is used
ENOUGH = 1 << 30  # bytes; etcd takes 128 MiB from the start, and a container often has 64 MiB there


class ControlPlane(Access):
    """etcd, kube-apiserver and kube-controller-manager on free ports of loopback, with certificates of their own.

    A context manager; everything it has is in *site.folder*, with a NAME.log for each program, until it stops. It has
    no nodes, so pods stay Pending. The two lists of arguments come after its own and win over them, and *hosts* are
    further names and addresses of the API server. Nothing is left behind when the process that started it is killed.
    """

    def __init__(
        self,
        programs: binaries.Binaries | None = None,
        *,
        hosts: Sequence[str] = (),
        apiserver_arguments: Sequence[str] = (),
        controller_manager_arguments: Sequence[str] = (),
        deadline: float = 60,
    ) -> None:
        self._binaries = programs
        self._hosts = (*HOSTS, *hosts)
        self._apiserver_arguments = apiserver_arguments
        self._controller_manager_arguments = controller_manager_arguments
        self._deadline = deadline
        self._guard: Guard | None = None
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when a namespace can take pods.

        Raises StartError with the end of a log when a program ends, or none of it is ready within the deadline; then
        nothing is left running.
        """
        if self._guard is not None:
            raise RuntimeError(f"the control plane at {self.url} is started and not stopped")
        programs = self._binaries or binaries.find()
        port, etcd_port = ports.free(2)
        folder = Path(tempfile.mkdtemp(prefix="airlock-", dir=_roomy()))
        self._guard = Guard(folder)
        self.site = Site(folder, programs, port, etcd_port)
        try:
            self._write_files()
            self._etcd = Program("etcd", arguments.etcd(self.site), folder)
            self._apiserver = Program(
                "kube-apiserver", [*arguments.kube_apiserver(self.site), *self._apiserver_arguments], folder
            )
            self._controller_manager = Program(
                "kube-controller-manager",
                [*arguments.kube_controller_manager(self.site), *self._controller_manager_arguments],
                folder,
            )
            self._programs = [self._etcd, self._apiserver, self._controller_manager]
            self._etcd.start()
            self.start_apiserver()
            with self.client() as client:
                self._await(self._controller_manager, lambda: self._takes_pods(client, "default"))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process that was started and remove the folder; does nothing if it is stopped."""
        if self._guard is None:
            return
        for program in reversed(self._programs):
            program.stop()
        self._programs = []
        self._guard.dismiss()
        self._guard = None

    def check(self) -> None:
        """Raise StartError, with the end of its log, if a program has ended by itself."""
        for program in self._programs:
            program.check()

    def stop_apiserver(self) -> None:
        """Take the API server away; clients find the connection refused until `start_apiserver`.

        The controller manager goes and comes with it: left alone, it would be idle for up to half a minute afterwards.
        """
        self._controller_manager.stop()
        self._apiserver.stop()

    def stop_controllers(self) -> None:
        """Take the controller manager away: from then on nothing is collected, evicted or made."""
        self._controller_manager.stop()

    def put(self, objects: Mapping[str, dict[str, Any]]) -> None:
        """Write *objects* into etcd by their keys below /registry, as if the API server had stored them before.

        A hundred at once are as quick as one through the API server, which tells watchers of them all the same.
        """
        puts = [
            {"requestPut": {"key": _base64(f"/registry/{key}"), "value": _base64(json.dumps(body))}}
            for key, body in objects.items()
        ]
        for first in range(0, len(puts), 100):
            self._etcd_call("/v3/kv/txn", {"success": puts[first : first + 100]})

    def start_apiserver(self) -> None:
        """Bring the API server back on the same port, with what etcd holds, and return when it is ready."""
        self._start_apiserver(self._apiserver, self)
        self._controller_manager.start()

    def restart_apiserver(self) -> None:
        """Stop the API server and start it again: open connections and watches are cut."""
        self.stop_apiserver()
        self.start_apiserver()

    @contextlib.contextmanager
    def beside(self) -> Iterator[Access]:
        """Run another API server on the same etcd while the context lasts, as clusters have several; give access to it.

        Its kubeconfig and audit log are those of the first.
        """
        other = Access()
        other.site, other.ca_pem = replace(self.site, port=ports.free(1)[0]), self.ca_pem
        log = f"--audit-log-path={self.site.file('audit-beside.log')}"
        command = [*arguments.kube_apiserver(other.site), *self._apiserver_arguments, log]
        program = Program("kube-apiserver-beside", command, self.site.folder)
        try:
            self._start_apiserver(program, other)
            yield other
        finally:
            program.stop()

    def _start_apiserver(self, program: Program, access: Access) -> None:
        program.start()
        configuration = access.configuration()
        configuration.retries = 0  # _await asks again, and quietly
        with ApiClient(configuration) as client:
            self._await(program, lambda: _ready(client))

    def compact(self) -> None:
        """Make etcd forget every revision but the present one.

        The API server answers a watch from an old revision with 410 Gone only once its own cache of recent events is
        gone too: call this between `stop_apiserver` and `start_apiserver`, or restart afterwards.
        """
        # The range is the one key that cannot exist, NUL: only the header of the answer matters.
        header = self._etcd_call("/v3/kv/range", {"key": base64.b64encode(b"\0").decode("ascii")})["header"]
        self._etcd_call("/v3/kv/compaction", {"revision": header["revision"], "physical": True})

    def _etcd_call(self, path: str, body: dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection(ports.LOOPBACK, self.site.etcd_port, timeout=30)
        try:
            connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise RuntimeError(f"etcd answers {path} with {response.status}: {text.decode(errors='replace')}")
        return json.loads(text)

    def _write_files(self) -> None:
        authority = pki.Authority("airlock-test-ca")
        self.ca_pem = authority.certificate
        admin = authority.client("admin", ["system:masters"])
        manager = authority.client("system:kube-controller-manager")
        server = authority.server("kube-apiserver", self._hosts)
        tokens = pki.key_pair()
        files = {
            "ca.crt": self.ca_pem,
            "admin.crt": admin.public,
            "admin.key": admin.key,
            "admin.kubeconfig": credentials.kubeconfig(self.url, self.ca_pem, "admin", admin),
            "controller-manager.kubeconfig": credentials.kubeconfig(self.url, self.ca_pem, "manager", manager),
            "apiserver.crt": server.public,
            "apiserver.key": server.key,
            "tokens.pub": tokens.public,
            "tokens.key": tokens.key,
            "audit-policy.yaml": arguments.AUDIT_POLICY,
        }
        for name, text in files.items():
            (self.site.folder / name).write_text(text, encoding="utf-8")

    def _await(self, program: Program, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            self.check()
            with contextlib.suppress(HTTPError):
                return condition()
            return False

        try:
            until(holds, f"{program.name} is ready", seconds=self._deadline)
        except TimeoutError:
            raise program.failure(f"was not ready within {self._deadline:g} s") from None


def _ready(client: ApiClient) -> bool:
    return bool(client.call_api("GET", f"{client.configuration.host}/readyz").response.data == b"ok")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _roomy() -> str:
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        return str(MEMORY)
    return tempfile.gettempdir()
