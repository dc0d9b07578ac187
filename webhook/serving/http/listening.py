"""A socket to listen on: one for IPv4 and IPv6 where a machine has both."""

import errno
import socket
import sys
from collections.abc import Callable

_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def listen(
    host: str, port: int, *, backlog: int = 128, create: Callable[..., socket.socket] = socket.create_server
) -> socket.socket:
    """Return a socket that listens on *host* and *port*; "::" is IPv4 and IPv6, and IPv4 alone without IPv6.

    Raises OSError when the address is not available. *create* makes the socket.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        both = family == socket.AF_INET6 and host == "::"
        return create((host, port), family=family, backlog=backlog, dualstack_ipv6=both)
    except OSError as error:
        if host != "::" or not (error.errno in _NO_IPV6 or isinstance(error, socket.gaierror)):
            raise
        return create(("0.0.0.0", port), family=socket.AF_INET, backlog=backlog, dualstack_ipv6=False)  # noqa: S104


def listen_or_exit(host: str, port: int, option: str, *, backlog: int = 128) -> socket.socket:
    """Return a socket that listens on *host* and *port*; else exit with code 1 and a line that names *option*.

    Clients that come before anybody accepts them wait. So a program does this first: its imports take most of its
    start, and a kubelet that finds the port closed writes an Event about a failed probe.
    """
    try:
        return listen(host, port, backlog=backlog)
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
        sys.exit(f"airlock: cannot listen on {host} port {port} ({option}): {reason}")
