"""The divisor of a `resourceFieldRef`: which ones Kubernetes takes, and how its API server writes them."""

import re
from fractions import Fraction

# What validation takes, as `Quantity.String` has it (pkg/apis/core/validation, validateContainerResourceDivisor); zero
# stands for one.
CPU = ("1", "1m")
OTHERS = ("1", *(f"1{unit}" for unit in ("k", "M", "G", "T", "P", "E")), *(f"1{unit}i" for unit in "KMGTPE"))

_DECIMAL = {"": Fraction(1), "m": Fraction(1, 1000)} | {
    unit: Fraction(1000**nth) for nth, unit in enumerate("kMGTPE", 1)
}
_BINARY = {f"{unit}i": Fraction(1024**nth) for nth, unit in enumerate("KMGTPE", 1)}
_MOST = 10**18
_QUANTITY = re.compile(r"((?:0|[1-9][0-9]{0,20})(?:\.[0-9]{1,9})?)([mkMGTPE]|[KMGTPE]i)?")
# A value with a binary unit is written with one again, and any other without: 1048576 does not become 1Mi.
_WRITTEN = {
    **{(False, value): f"1{unit}" for unit, value in _DECIMAL.items()},
    **{(True, value): f"1{unit}" for unit, value in _BINARY.items()},
}


def canonical(given: object) -> str | None:
    """Return the divisor *given*, a number or a quantity, as the API server writes it; None for one that it refuses.

    >>> canonical("1024Ki"), canonical(1000), canonical(0.001), canonical("1048576")
    ('1Mi', '1k', '1m', None)
    """
    if (
        isinstance(given, bool)
        or not isinstance(given, str | int | float)
        or (isinstance(given, int) and abs(given) > _MOST)
    ):
        return None
    match = _QUANTITY.fullmatch(str(given).strip(" "))
    if match is None:
        return None
    number, unit = Fraction(match[1]), match[2] or ""
    if not number:
        return "0"
    return _WRITTEN.get((unit in _BINARY, number * (_BINARY.get(unit) or _DECIMAL[unit])))
