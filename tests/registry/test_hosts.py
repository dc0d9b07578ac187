"""Which registries may be asked, and where."""

from ipaddress import ip_address

import pytest

from webhook.registry.hosts import HostError, Origin, allowed, is_dialled, parse_registry


def test_a_registry_is_asked_over_tls_unless_it_is_declared_to_have_none() -> None:
    assert parse_registry("registry.example.com").origin == Origin("https", "registry.example.com", 443)
    assert parse_registry("10.0.0.5:5000; plain-http").origin == Origin("http", "10.0.0.5", 5000)
    assert parse_registry("[2001:db8::1]:5000").origin == Origin("https", "2001:db8::1", 5000)


def test_docker_hub_is_asked_where_its_api_and_its_tokens_are() -> None:
    hub = allowed(["docker.io"])["docker.io"]
    assert hub.origin.netloc == "registry-1.docker.io"
    assert {realm.netloc for realm in hub.realms} == {"registry-1.docker.io", "auth.docker.io"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://registry.example.com",
        "registry.example.com/team",
        "registry.example.com:0",
        "registry.example.com:65536",
        "*.example.com",
        "me@registry.example.com",
        "registry.example.com;insecure",
        "registry.example.com;realm=",
        "registry.example.com;realm=https://auth.example.com",
        "169.254.169.254",
        "registry.example.com;realm=169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "0.0.0.0",  # noqa: S104
    ],
)
def test_what_names_no_registry_is_refused(text: str) -> None:
    with pytest.raises(HostError):
        parse_registry(text)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "224.0.0.1",
        "0.0.0.0",  # noqa: S104
        "::",
        "127.0.0.1",
        "::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_no_name_leads_to_metadata_or_to_this_machine(address: str) -> None:
    assert not is_dialled("registry.example.com", ip_address(address))


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.1", "203.0.113.7", "2001:db8::1", "fd12::1"])
def test_a_registry_may_stand_in_a_private_network(address: str) -> None:
    assert is_dialled("registry.example.com", ip_address(address))


def test_loopback_is_dialled_where_the_administrator_wrote_it() -> None:
    assert is_dialled("localhost", ip_address("127.0.0.1"))
    assert is_dialled("127.0.0.1", ip_address("127.0.0.1"))
