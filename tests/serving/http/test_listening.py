"""One socket for both families, and for IPv4 alone where there is no IPv6."""

import errno
import socket
from typing import Any

import pytest

from webhook.serving.http.listening import listen


def reached(server: socket.socket, host: str) -> bool:
    with socket.create_connection((host, server.getsockname()[1]), timeout=5):
        return True


def test_two_colons_are_reached_by_both_families() -> None:
    with listen("::", 0) as server:
        assert reached(server, "127.0.0.1")
        assert reached(server, "::1")


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_machine_without_ipv6_serves_by_ipv4(number: int) -> None:
    def create(address: tuple[str, int], **options: Any) -> socket.socket:
        if options["family"] == socket.AF_INET6:
            raise OSError(number, "no IPv6")
        return socket.create_server(address, **options)

    with listen("::", 0, create=create) as server:
        assert server.family == socket.AF_INET
        assert reached(server, "127.0.0.1")


def test_another_address_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        listen("192.0.2.1", 0)


def test_a_port_that_is_taken_is_an_error_whatever_the_family() -> None:
    with listen("::", 0) as server, pytest.raises(OSError, match="in use"):
        listen("::", server.getsockname()[1])
