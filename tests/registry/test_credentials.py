"""A docker config is read as docker and kubectl write it, and quoted nowhere."""

import base64

import pytest

from webhook.registry.credentials import CredentialsError, Login, read_credentials


def test_logins_are_known_by_the_registry_that_image_references_name() -> None:
    auth = base64.b64encode(b"ci:a:b").decode()
    logins = read_credentials(
        b'{"auths": {"https://index.docker.io/v1/": {"auth": "%s"}, "Registry.Example.com:5000": {"username": "u",'
        b' "password": "p"}, "https://ghcr.io/v2/": {"auth": "%s"}}}' % (auth.encode(), auth.encode())
    )
    assert set(logins) == {"docker.io", "registry.example.com:5000", "ghcr.io"}
    assert logins["docker.io"].basic == f"Basic {auth}"
    assert logins["registry.example.com:5000"] == Login("u", "p")


def test_helpers_and_identity_tokens_give_no_login() -> None:
    body = b'{"credsStore": "x", "auths": {"a.io": {}, "b.io": {"identitytoken": "t"}, "c.io": {"auth": ""}}}'
    assert read_credentials(body) == {}
    assert read_credentials(b"{}") == {}


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"hunter2", b'{"auths": 5}', b'{"auths": {"a": {"auth": "hunter2"}}}', b"\xff"]
)
def test_what_is_no_docker_config_is_refused_without_a_word_of_it(text: bytes) -> None:
    with pytest.raises(CredentialsError) as refused:
        read_credentials(text)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_login_shows_neither_user_nor_password() -> None:
    assert repr(Login("ci", "hunter2")) == "Login()"
