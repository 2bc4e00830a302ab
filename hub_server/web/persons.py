"""Who may open the settings: people in a browser, and administrators of the hub among them."""

from typing import Annotated

from fastapi import Depends

from hub_server.accounts import Caller
from hub_server.edge import SignedIn
from hub_server.errors import Forbidden


async def _in_browser(caller: SignedIn) -> Caller:
    """A token may not make another, stronger one, nor change whose it is."""
    if caller.session is None:
        raise Forbidden("Settings are changed in a browser, signed in with the password.")
    return caller


InBrowser = Annotated[Caller, Depends(_in_browser)]


async def _administrator(caller: InBrowser) -> Caller:
    if not caller.is_admin:
        raise Forbidden("This page is for administrators of the hub.")
    return caller


Administrator = Annotated[Caller, Depends(_administrator)]
