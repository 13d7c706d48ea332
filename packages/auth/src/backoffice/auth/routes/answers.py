"""What several routes of accounts say alike."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from backoffice.auth import refusals
from backoffice.auth.principals import Principal
from backoffice.core import Forbidden


def check_manages(request: Request, who: Principal) -> None:
    """Refuse who may not manage credentials: an API key may where it was told to."""
    if not who.manages_credentials:
        refusal = Forbidden(
            "An API key may not do this; sign in with the password.", code="sign_in_required"
        )
        refusals.note(request, refusal, who)
        raise refusal


@contextmanager
def noted(request: Request, who: Principal) -> Iterator[None]:
    """Let the log know of what the caller is refused within, though their credential is good."""
    try:
        yield
    except Forbidden as refusal:
        refusals.note(request, refusal, who)
        raise
