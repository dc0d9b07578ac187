"""Makes broken and odd reviews out of good ones: by the grammar of JSON first, then byte by byte."""

import copy
import json
from random import Random
from typing import Any

_RAW = {  # stands for JSON that no Python value gives
    "@nan@": "NaN",
    "@inf@": "-Infinity",
    "@surrogate@": '"\\ud800"',
    "@deep@": "[" * 2_000 + "]" * 2_000,
    "@deeper@": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "@digits@": "9" * 5_000,
    "@exponent@": "1e400",
    "@twice@": '{"name":"a","name":"b"}',
}
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, 2**64, "", " ", "\0", "\u202e\n", "x" * 5_000, "\U0001f600" * 300,
    [], {}, [None], [[]], {"": None}, {"containers": None}, [{}], *_RAW,
)  # fmt: skip


def mutated(random: Random, review: dict[str, Any]) -> bytes:
    """Return *review* with one to four changes."""
    made = copy.deepcopy(review)
    for _ in range(random.randint(1, 4)):
        _change(random, made)
    text = json.dumps(made, ensure_ascii=random.random() < 0.5)
    for mark, raw in _RAW.items():
        if mark in text:
            text = text.replace(f'"{mark}"', raw)
    data = text.encode(errors="surrogatepass")
    return _noise(random, data) if random.random() < 0.25 else data


def _change(random: Random, made: Any) -> None:
    """Change one place of *made*, however deep it lies."""
    place = made
    while True:
        inner = [one for one in (place.values() if isinstance(place, dict) else place) if isinstance(one, dict | list)]
        if not inner or random.random() < 0.2:
            break
        place = random.choice(inner)
    if isinstance(place, dict):
        _change_object(random, place)
    elif place:
        at = random.randrange(len(place))
        random.choice(
            (
                lambda: place.__setitem__(at, _value(random)),
                lambda: place.__delitem__(at),
                lambda: place.extend(place[at : at + 1] * random.choice((1, 50))),
            )
        )()
    else:
        place.append(_value(random))


def _change_object(random: Random, place: dict[str, Any]) -> None:
    if not place:
        place["x"] = _value(random)
        return
    key = random.choice(list(place))
    match random.randrange(5):
        case 0:
            del place[key]
        case 1:
            place[key.swapcase()] = place.pop(key)
        case 2:
            place[f"{key}\0"] = _value(random)
        case _:
            place[key] = _value(random)


def _value(random: Random) -> Any:
    return copy.deepcopy(random.choice(_VALUES))


def _noise(random: Random, data: bytes) -> bytes:
    """Return *data* cut, or with bytes changed, put in or taken out."""
    made = bytearray(data)
    match random.randrange(4):
        case 0:
            return bytes(made[: random.randrange(len(made))])
        case 1:
            for _ in range(random.randint(1, 8)):
                made[random.randrange(len(made))] = random.randrange(256)
        case 2:
            at = random.randrange(len(made))
            made[at:at] = random.randbytes(random.choice((1, 4, 64)))
        case _:
            at = random.randrange(len(made))
            del made[at : at + random.choice((1, 8, 200))]
    return bytes(made)
