"""The guard that keeps tests on this machine."""

import socket

import pytest

from tests.support.loopback import OutsideLoopback


def test_another_machine_cannot_be_reached() -> None:
    with socket.socket() as mine, pytest.raises(OutsideLoopback):
        mine.connect(("192.0.2.1", 80))


def test_the_name_of_another_machine_cannot_be_looked_up() -> None:
    with pytest.raises(OutsideLoopback):
        socket.getaddrinfo("hub.example.org", 443)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
