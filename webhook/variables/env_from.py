"""What a container's `envFrom` gives: the keys of ConfigMaps and Secrets become variables, as far as we know them."""

from collections.abc import Iterator

import msgspec

from webhook.pods.text import printable
from webhook.pods.workload import Container
from webhook.variables.known import ConfigMaps, secret

_NAMED = 3  # sources that a sentence names
_NAME = 63


class Given(msgspec.Struct, frozen=True):
    """What `envFrom` says of one variable."""

    present: bool = False  # whether a known source gives it
    value: str | None = None  # that value; None for a Secret's, which nobody here reads
    unknown: tuple[str, ...] = ()  # sources that may give it, and are not known: "ConfigMap settings"

    @property
    def doubt(self) -> str:
        """The unknown sources in words; "" when there are none."""
        named = ", ".join(self.unknown[:_NAMED])
        return f"{named} and {len(self.unknown) - _NAMED} more" if len(self.unknown) > _NAMED else named


NOTHING = Given()


def given(container: Container, name: str, namespace: str, known: ConfigMaps | None) -> Given:
    """Return what the `envFrom` of *container*, in a pod in *namespace*, says of the variable *name*.

    A later source hides an earlier one.
    """
    if not container.env_from:
        return NOTHING
    present, value, unknown = False, None, []
    for prefix, kind, source in _sources(container):
        if not name.startswith(prefix):
            continue
        place = secret(namespace, source) if kind == "Secret" else (namespace, source)
        data = known.get(place) if known is not None else None
        if data is None or isinstance(data, str):
            unknown.append(f"{kind} {printable(source, _NAME)}")
        elif name.removeprefix(prefix) in data:
            present, value = True, None if kind == "Secret" else data[name.removeprefix(prefix)]
    return Given(present, value, tuple(unknown))


def _sources(container: Container) -> Iterator[tuple[str, str, str]]:
    for one in container.env_from or ():
        if one.config_map_ref is not None:
            yield one.prefix, "ConfigMap", one.config_map_ref.name
        if one.secret_ref is not None:
            yield one.prefix, "Secret", one.secret_ref.name
