"""`python -m hub_server` is `hub-server`."""

from hub_server.cli import main

main()
