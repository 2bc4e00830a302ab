"""Which addresses are ours, and what a front proxy may tell us."""

import socket

import pytest

from hub_server.edge.origin import Origins, host_name, is_this_machine
from hub_server.settings import Settings


def origins(**values: str) -> Origins:
    return Origins(Settings(**values))


def scope(client: str = "203.0.113.9", scheme: str = "http") -> dict[str, object]:
    return {"type": "http", "scheme": scheme, "client": (client, 5000)}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost", "hub.localhost:80", "[::1]:8000", socket.gethostname()],
)
def test_this_machine_is_always_known(host: str):
    assert origins().accepts(host)


@pytest.mark.parametrize("host", ["evil.example", "192.0.2.7", "", "127.0.0.1.evil.example"])
def test_other_names_are_refused(host: str):
    assert not origins().accepts(host)


def test_public_names_are_known_in_any_case():
    ours = origins(public_url="https://Hub.example.org/hub, http://10.1.1.1:8000")
    assert ours.accepts("hub.EXAMPLE.org")
    assert ours.accepts("10.1.1.1")
    assert not ours.accepts("example.org")


def test_links_use_the_address_the_request_came_by():
    ours = origins(public_url="https://hub.example.org/hub,http://10.1.1.1:8000")
    by_lan = ours.origin(ours.arrival(scope(), {"host": "10.1.1.1:8000"}))
    assert by_lan.base_url == "http://10.1.1.1:8000"
    assert not by_lan.prefix
    local = ours.origin(ours.arrival(scope(), {"host": "127.0.0.1:8000"}))
    assert local.base_url == "https://hub.example.org/hub"
    assert local.prefix == "/hub"
    assert local.secure
    assert local.own == "https://hub.example.org"


def test_without_a_setting_links_use_the_host():
    ours = origins()
    assert ours.origin(ours.arrival(scope(), {"host": "lab:8000"})).base_url == "http://lab:8000"


FORWARDED = {
    "host": "node1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "hub.example.org",
    "x-forwarded-for": "198.51.100.1, 203.0.113.5, 10.0.0.2",
}


def test_forwarded_headers_of_strangers_do_not_count():
    arrival = origins(trusted_proxies="10.0.0.0/8").arrival(scope("203.0.113.9"), FORWARDED)
    assert (arrival.scheme, arrival.host, arrival.client) == ("http", "node1", "203.0.113.9")


def test_forwarded_headers_of_trusted_proxies_count():
    arrival = origins(trusted_proxies="10.0.0.0/8").arrival(scope("10.0.0.3"), FORWARDED)
    assert (arrival.scheme, arrival.host) == ("https", "hub.example.org")
    assert arrival.client == "203.0.113.5"  # the nearest that is no proxy of ours


def test_a_public_path_is_taken_off():
    ours = origins(public_url="https://hub.example.org/hub")
    assert ours.strip_prefix(b"/hub/ada/tiny") == b"/ada/tiny"
    assert ours.strip_prefix(b"/hub") == b"/"
    assert ours.strip_prefix(b"/hubert/tiny") == b"/hubert/tiny"


def test_host_names():
    assert host_name("Hub.Example:80") == "hub.example"
    assert host_name("[::1]:8000") == "::1"
    assert not is_this_machine("not an address")
