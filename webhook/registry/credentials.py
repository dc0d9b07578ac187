"""A docker config: airlock's login at each registry. Its secrets are never printed."""

import base64
import binascii
from dataclasses import dataclass, field

import msgspec

_HUB_KEYS = ("index.docker.io/v1", "index.docker.io", "registry-1.docker.io")
_MOST = 1 << 20  # bytes; a Secret has no more


class CredentialsError(ValueError):
    """A docker config that cannot be read; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """What an Authorization header says."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""


class _Config(msgspec.Struct, frozen=True):
    auths: dict[str, _Entry] | None = None


def read_credentials(data: bytes) -> dict[str, Login]:
    """Return the logins in the docker config *data* (`.dockerconfigjson`), by registry as image references have it.

    Entries of credential helpers and identity tokens hold no password and are left out. Raises CredentialsError.
    """
    if len(data) > _MOST:
        raise CredentialsError(f"has more than {_MOST} bytes")
    try:
        config = msgspec.json.decode(data, type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CredentialsError("is not a docker config: JSON with `auths`") from None
    found: dict[str, Login] = {}
    for key, entry in (config.auths or {}).items():
        login = _login(entry)
        if login is not None:
            found[_name(key)] = login
    return found


def _login(entry: _Entry) -> Login | None:
    user, password = entry.username, entry.password
    if entry.auth and not (user and password):
        try:
            user, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise CredentialsError("has an `auth` that is not the base64 of user:password") from None
    return Login(user, password.rstrip("\0")) if user and password else None


def _name(key: str) -> str:
    """Return the registry that a *key* of `auths` means: `https://index.docker.io/v1/` is docker.io."""
    bare = key.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    if bare in _HUB_KEYS:
        return "docker.io"
    return bare.partition("/")[0]
