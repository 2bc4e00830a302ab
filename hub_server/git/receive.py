"""The three steps of accepting a push: read what it wants, check what it brings, answer."""

from hub_server.git.limits import ReceiveLimits
from hub_server.git.quarantine import Quarantine, quarantine
from hub_server.git.receivepack import Command, Push, read_commands, report, verdicts

__all__ = [
    "Command",
    "Push",
    "Quarantine",
    "ReceiveLimits",
    "quarantine",
    "read_commands",
    "report",
    "verdicts",
]
