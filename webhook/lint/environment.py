"""Which environment variables each component is known to have."""

from collections.abc import Iterable

import msgspec

from webhook.pods.airflow import Component
from webhook.rules.finding import Mode

# Set by the image, by Python's base image, by the kubelet, or by Airflow itself in every process.
_ALWAYS = frozenset({
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOSTNAME", "PWD", "SHELL", "TERM", "TMPDIR",
    "AIRFLOW_HOME", "AIRFLOW_CONFIG", "AIRFLOW_USER_HOME_DIR", "AIRFLOW_UID", "AIRFLOW_GID", "AIRFLOW_VERSION",
    "AIRFLOW_INSTALLATION_METHOD", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONHOME", "PYTHON_VERSION",
    "PYTHON_BASE_IMAGE", "VIRTUAL_ENV", "GPG_KEY", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "DUMB_INIT_SETSID",
})  # fmt: skip
_SERVICES = ("_SERVICE_HOST", "_SERVICE_PORT", "_PORT")  # of every Service in the namespace


class Declared(msgspec.Struct, frozen=True):
    """The variables of one component's own container."""

    names: frozenset[str] = frozenset()
    open: bool = False  # whether it may have others: an envFrom that cannot be read


class Environment(msgspec.Struct, frozen=True):
    """What manifests and the required-env manifest declare."""

    manifests: dict[Component, Declared] = msgspec.field(default_factory=dict)
    required: dict[Component, frozenset[str]] = msgspec.field(default_factory=dict)

    def missing(self, name: str, components: Iterable[Component]) -> "Missing | None":
        """Return why a callback that runs in one of *components* lacks the variable *name*; None if it may have it."""
        if name in _ALWAYS or name.endswith(_SERVICES):
            return None
        present = self._processes(tuple(components))
        lacking = [one for one in present if not self._has(one, name)]
        if not lacking or (not self.manifests and len(lacking) < len(present)):
            return None
        known = {*self.manifests, *self.required}
        elsewhere = sorted(one for one in known if one not in lacking and self._has(one, name))
        is_open = any(self.manifests.get(one, Declared()).open for one in lacking)
        return Missing(
            tuple(lacking), tuple(elsewhere), Mode.ENFORCE if elsewhere and not is_open else Mode.WARN, is_open
        )

    def declares(self, name: str) -> bool:
        """Return whether any component has the variable *name*."""
        return any(self._has(one, name) for one in {*self.manifests, *self.required})

    def _processes(self, components: tuple[Component, ...]) -> list[Component]:
        """Return those of *components* that there are, as far as anybody knows."""
        if not self.manifests:
            return list(components)
        present = [one for one in components if one in self.manifests]
        if Component.DAG_PROCESSOR in present:  # where it runs on its own, the scheduler parses nothing
            present = [one for one in present if one is not Component.SCHEDULER]
        return present

    def _has(self, component: Component, name: str) -> bool:
        declared = self.manifests.get(component, Declared())
        return name in declared.names or name in self.required.get(component, ())


class Missing(msgspec.Struct, frozen=True):
    """A variable that components lack."""

    components: tuple[Component, ...]
    elsewhere: tuple[Component, ...]  # those that have it
    mode: Mode
    open: bool

    @property
    def words(self) -> str:
        """Who has it, and who has not."""
        here = " or ".join(self.components)
        doubt = " as far as can be read (an envFrom cannot)" if self.open else ""
        if self.elsewhere:
            return f"is declared for {' and '.join(self.elsewhere)}, and not for {here}{doubt}"
        return f"is declared for nobody{doubt}, unless the image sets it"
