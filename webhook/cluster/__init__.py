"""Talks to a cluster's API server; only this package imports `kubernetes`, which takes half a second.

It uses plain JSON: the client's models cost fourteen times the parsing time and thirty times the memory.
"""

from webhook.cluster.answers import Answer, Change, Lines, Page, UnreachableError
from webhook.cluster.connection import (
    JSON,
    MERGE_PATCH,
    Cluster,
    ClusterError,
    Standing,
    UnidentifiedError,
    connect,
    standing,
)

__all__ = [
    "JSON",
    "MERGE_PATCH",
    "Answer",
    "Change",
    "Cluster",
    "ClusterError",
    "Lines",
    "Page",
    "Standing",
    "UnidentifiedError",
    "UnreachableError",
    "connect",
    "standing",
]
