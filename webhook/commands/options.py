"""Options that several commands share."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from webhook.sources.name import ConfigMapName, SourceError, is_namespace, parse_src

F = TypeVar("F", bound=Callable[..., Any])

INSTALLED = "installed"  # what --compare takes for the policy of the installation

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def setting(name: str, **attributes: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's
    """Return the option *name* with a variable for it: `--cert-dir` is AIRLOCK_CERT_DIR, `--x/--no-x` AIRLOCK_X."""
    variable = f"AIRLOCK_{name.partition('/')[0].lstrip('-').upper().replace('-', '_')}"
    return click.option(name, envvar=variable, show_envvar=True, **attributes)


_DOCUMENTS = {"policy": "policy", "required_env": "required-env manifest", "release": "release manifest"}


def documents(**without: str) -> Callable[[F], F]:
    """Return those of --policy, --required-env and --release that *without* names, and says what holds without them."""

    def decorate(command: F) -> F:
        for name, title in reversed(_DOCUMENTS.items()):
            if name in without:
                text = f"The {title} file; without it {without[name]}."
                option = click.option(f"--{name.replace('_', '-')}", type=click.Path(path_type=Path), help=text)
                command = option(command)
        return command

    return decorate


def log_level() -> Callable[[F], F]:
    """Return the option --log-level."""
    return setting(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="The level from which to log.",
    )


def metrics_port() -> Callable[[F], F]:
    """Return the option --metrics-port."""
    return setting(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        default=9090,
        show_default=True,
        help="The plain HTTP port of /metrics, /healthz and /readyz; 0 picks a free one.",
    )


def accepted() -> Callable[[F], F]:
    """Return the option --accepted."""
    return setting(
        "--accepted",
        type=ConfigMapSrc(),
        help="The ConfigMap with the last good documents. The controller writes it; a new replica starts with it when"
        " the current documents are bad.",
    )


def readable() -> Callable[[F], F]:
    """Return the options --read-configmaps and --read-secrets."""
    options = (
        setting(
            "--read-configmaps",
            type=NamespaceName(),
            multiple=True,
            help="A namespace whose ConfigMaps airlock watches, to know their names and keys (never values), for the"
            " rule env-reference; repeatable.",
        ),
        setting(
            "--read-secrets",
            type=NamespaceName(),
            multiple=True,
            help="The same for the Secrets of a namespace. The API server sends their values too; airlock drops them"
            " unread.",
        ),
    )
    return lambda command: options[0](options[1](command))


def installation() -> Callable[[F], F]:
    """Return what names the parts of an installation: --service-name, --tls-secret and --webhook-configuration."""
    options = (
        setting("--service-name", default="airlock", show_default=True, help="The Service that the API server calls."),
        setting(
            "--tls-secret", default="airlock-tls", show_default=True, help="The Secret with the replicas' certificate."
        ),
        setting(
            "--webhook-configuration",
            metavar="NAME",
            multiple=True,
            default=("airlock",),
            show_default=True,
            help="The name of the webhook configurations; repeatable.",
        ),
    )

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Src(click.ParamType[ConfigMapName | Path]):
    """SRC: a file, or configmap:NAMESPACE/NAME."""

    name = "SRC"

    def convert(
        self, value: str | ConfigMapName | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> ConfigMapName | Path:
        """Return the source that *value* names."""
        if not isinstance(value, str):
            return value
        try:
            return parse_src(value)
        except SourceError as error:
            self.fail(str(error), param, ctx)


class ConfigMapSrc(click.ParamType[ConfigMapName]):
    """SRC that can only be configmap:NAMESPACE/NAME."""

    name = "configmap:NAMESPACE/NAME"

    def convert(
        self, value: str | ConfigMapName, param: click.Parameter | None, ctx: click.Context | None
    ) -> ConfigMapName:
        """Return the ConfigMap that *value* names."""
        if not isinstance(value, str):
            return value
        try:
            source = parse_src(value)
        except SourceError as error:
            self.fail(str(error), param, ctx)
        if isinstance(source, Path):
            self.fail(f"{value!r} is a file; write configmap:NAMESPACE/NAME", param, ctx)
        return source


class NamespaceName(click.ParamType[str]):
    """The name of one namespace."""

    name = "NAMESPACE"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return *value* if a namespace can have that name."""
        if not is_namespace(value):
            self.fail(f"{value!r} is not the name of a namespace; globs are not taken here", param, ctx)
        return value


class Span(click.ParamType[timedelta]):
    """A time such as 90s, 12h or 365d."""

    name = "SPAN"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time that *value* says."""
        if not isinstance(value, str):
            return value
        number, unit = value[:-1], value[-1:]
        if unit not in _UNITS or not number.isascii() or not number.isdigit() or not int(number):
            self.fail(f"{value!r} is not a number of seconds, minutes, hours or days: 90s, 15m, 12h, 365d", param, ctx)
        try:
            return timedelta(seconds=int(number) * _UNITS[unit])
        except OverflowError:
            self.fail(f"{value!r} is longer than any certificate", param, ctx)
