"""Refusals as lines of the log: who was refused what, where, and from where (ASVS 16.3.2, 16.3.3).

One line for a request that is refused, at INFO, with nothing in it that the client wrote: whoever
is refused a million times writes as many lines as the log of requests has, and no longer ones.
"""

import logging
from typing import Any

from starlette.requests import HTTPConnection

from backoffice.auth.principals import Principal
from backoffice.core import Refusal
from backoffice.core.request_ids import route_template
from backoffice.ratelimit import client_address

log: logging.Logger = logging.getLogger(__name__)

_REFUSED = "backoffice.refused"
#: Longer than any address.
_ADDRESS_LENGTH = 64


def note(connection: HTTPConnection, refusal: Refusal, who: Principal | None) -> None:
    """A line about a request that is refused though its credential is good, if there is one.

    The first of it: who is asked twice, as by a router and by a page of it, is refused once.
    """
    if connection.scope.setdefault(_REFUSED, refusal) is not refusal:
        return
    asked = {"permission": refusal.data["scope"]} if "scope" in refusal.data else {}
    log.info("refused: %s", refusal.code, extra=circumstances(connection, who) | asked)


def circumstances(connection: HTTPConnection, who: Principal | None) -> dict[str, Any]:
    """What lines about security say of a request: never the credential, only its id."""
    found = {
        "route": route_template(connection.scope),
        "address": client_address(connection)[:_ADDRESS_LENGTH],
    }
    if who is None:
        return found
    credential = str(who.key_id or who.session_id)
    if who.acted_by is not None:
        found["acted_by"] = str(who.acted_by)
    return found | {"user": str(who.id), "kind": who.kind, "by": who.method, "id": credential}
