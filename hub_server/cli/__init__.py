"""The command `hub-server`. Results go to stdout, talk to stderr, failures are one sentence."""

from hub_server.cli.main import main

__all__ = ["main"]
