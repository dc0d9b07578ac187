"""A name server for pods in place of CoreDNS, which Debian 12 does not have: Services by their names, nothing else."""

import contextlib
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address

from kubernetes.client import ApiClient, ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

from tests.harness.node.arguments import CLUSTER_DOMAIN

PORT = 53
HEADER = struct.Struct("!6H")  # RFC 1035, 4.1.1
QUESTION_END = struct.Struct("!2H")
RECORD = struct.Struct("!3HIH4s")
TYPE_A, CLASS_IN = 1, 1
ANSWER = 0x8400  # a response, with authority
RECURSION_DESIRED = 0x0100
NO_ERROR, NO_SUCH_NAME = 0, 3
OF_QUESTION = 0xC000 + HEADER.size  # a pointer to the question's name
LIFETIME = 1  # seconds for which an answer may be kept
HEADLESS = "None"
NOT_FOUND = 404

Lookup = Callable[[str, str], Sequence[str] | None]
"""The addresses of a Service, given its name and namespace; None if there is no such Service."""


def reply(query: bytes, lookup: Lookup) -> bytes:
    r"""Return the answer to *query*; raises ValueError, LookupError or struct.error when it is none.

    >>> query = bytes.fromhex("000701000001000000000000") + b"\3web\4blue\3svc\7cluster\5local\0\0\1\0\1"
    >>> reply(query, lambda name, namespace: ["10.88.2.9"])[-4:]
    b'\nX\x02\t'
    """
    number, flags, *_ = HEADER.unpack_from(query)
    labels, end = _labels(query)
    kind, _ = QUESTION_END.unpack_from(query, end)
    end += QUESTION_END.size
    found = lookup(labels[0], labels[1]) if labels[2:] == ["svc", *CLUSTER_DOMAIN.split(".")] else None
    records = [
        RECORD.pack(OF_QUESTION, TYPE_A, CLASS_IN, LIFETIME, 4, IPv4Address(address).packed)
        for address in found or ()
        if kind == TYPE_A
    ]
    code = NO_SUCH_NAME if found is None else NO_ERROR
    header = HEADER.pack(number, ANSWER | flags & RECURSION_DESIRED | code, 1, len(records), 0, 0)
    return header + query[HEADER.size : end] + b"".join(records)


def _labels(query: bytes) -> tuple[list[str], int]:
    labels, place = [], HEADER.size
    while length := query[place]:
        labels.append(query[place + 1 : place + 1 + length].decode("ascii").lower())
        place += 1 + length
    return labels, place + 1


def services(client: ApiClient) -> Lookup:
    """Return a lookup that asks the API server each time."""
    core = CoreV1Api(client)

    def lookup(name: str, namespace: str) -> list[str] | None:
        try:
            service = core.read_namespaced_service(name, namespace)
            assert service.spec is not None
            if service.spec.cluster_ip != HEADLESS:
                return [service.spec.cluster_ip] if service.spec.cluster_ip else []
            subsets = core.read_namespaced_endpoints(name, namespace).subsets or ()
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return [address.ip for subset in subsets for address in subset.addresses or ()]

    return lookup


@contextlib.contextmanager
def serving(address: IPv4Address, lookup: Lookup) -> Iterator[None]:
    """Answer queries that come to *address* by UDP."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, sock = self.request
            # Who gets no answer asks again.
            with contextlib.suppress(ValueError, LookupError, struct.error, ApiException, HTTPError):
                sock.sendto(reply(query, lookup), self.client_address)

    with socketserver.ThreadingUDPServer((str(address), PORT), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="names")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
