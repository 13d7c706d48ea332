"""Tokens for the forms of a browser: only a page of the session itself can carry one.

They stand beside the check of where a change comes from (`origin.py`), which every cookie has to
pass: a form is refused where one of the two fails (ASVS 3.5.1).
"""

import secrets
import uuid
from collections.abc import Sequence

from starlette.requests import HTTPConnection, Request

from backoffice.auth import refusals
from backoffice.auth.credentials import Seal
from backoffice.auth.origin import same_origin
from backoffice.auth.principals import Principal
from backoffice.auth.resolution import Resolver
from backoffice.core import Forbidden

#: The field of a form, and the header of a script, that carries the token.
FIELD, HEADER = "csrf_token", "x-csrf-token"


class Csrf:
    """Makes and checks the tokens. One is good as long as its session; a new session, as after
    signing in or proving the password again, has others."""

    def __init__(self, resolver: Resolver, secrets: Sequence[bytes]) -> None:
        self._resolver = resolver
        self._seal = Seal.of_secrets(secrets, "csrf token")

    def token(self, session: uuid.UUID) -> str:
        """A token of this session. Each is spelled differently: what a page repeats can be
        guessed from the length of its compressed answers (BREACH)."""
        return self._seal.sealed(session, secrets.randbits(32))

    def check(self, session: uuid.UUID | None, sent: object) -> None:
        """Refuse what is no token of this session."""
        found = self.session_of(sent)
        if found is None or found != session:
            raise Forbidden(
                "This form is not from this session; load the page again and send it once more.",
                code="csrf_failed",
            )

    def session_of(self, sent: object) -> uuid.UUID | None:
        """The session that a token was made for, perhaps one that has ended; None if it is none
        of ours."""
        found = self._seal.opened(sent) if isinstance(sent, str) else None
        return found[0] if found else None

    async def token_for(self, connection: HTTPConnection) -> str:
        """A token of the caller's session; "" for a caller who has none."""
        resolution = await self._resolver.resolution(connection)
        if resolution.error is not None:
            raise resolution.error
        who = resolution.principal
        in_browser = who is not None and who.method == "session"
        return self.token(who.session_id) if in_browser and who and who.session_id else ""

    async def check_request(self, request: Request) -> None:
        """Refuse a form that no page of the caller's session has sent.

        Of a stranger, who has no session, a page of this site has to send it. A token or an API key
        needs neither: no browser sends it by itself.
        """
        resolution = await self._resolver.resolution(request)
        if resolution.error is not None:
            raise resolution.error
        who = resolution.principal
        try:
            await self._check_sent(request, who)
        except Forbidden as refusal:
            refusals.note(request, refusal, who)
            raise

    async def _check_sent(self, request: Request, who: Principal | None) -> None:
        if who is None and not same_origin(request):
            raise Forbidden("This form was not sent by a page of this site.", code="csrf_failed")
        if who is not None and who.method == "session":
            sent = request.headers.get(HEADER) or (await request.form()).get(FIELD)
            self.check(who.session_id, sent)
