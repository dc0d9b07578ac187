"""A socket to listen on: one for IPv4 and IPv6 where a machine has both."""

import errno
import socket
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
