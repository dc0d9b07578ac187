"""How long certificates live, and when they are replaced: constants, which a command can show without loading keys."""

from dataclasses import dataclass
from datetime import timedelta

# Clocks of nodes differ; a certificate of the future is refused. cert-controller backdates by the same hour.
BACKDATE = timedelta(hours=1)
CA_LIFE = timedelta(days=10 * 365)
LEAF_LIFE = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Pace:
    """When to do what."""

    leaf_share: float = 2 / 3  # of its life, after which a leaf is renewed
    ca_share: float = 0.8  # of its life, after which the next authority is made
    # Seconds until every API server has heard of a caBundle; they watch, so it is a matter of less than one.
    propagation: float = 15.0
    # Seconds until a pod that starts is given the Secret as it is now: the kubelet's cache of it may be a minute old.
    settling: float = 120.0
