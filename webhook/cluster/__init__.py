"""The API server of a cluster: the only place that imports `kubernetes`, half a second others pay only if they need it.

Everything is asked in plain JSON: the client's models cost fourteen times the parsing and thirty times the memory.
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
