"""What several routes of accounts say alike."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from backoffice.auth import refusals
from backoffice.auth.models import User
from backoffice.auth.principals import Principal
from backoffice.auth.services import Services
from backoffice.core import Forbidden, NotFound


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


async def managed_user(found: Services, written: str) -> User:
    """The user of that key, which may be an integer for an adopted table; NotFound if none."""
    try:
        id = found.records.read_id(written.lower())
    except ValueError:
        raise NotFound(f"there is no user {written!r}") from None
    return await found.users.get(id)
