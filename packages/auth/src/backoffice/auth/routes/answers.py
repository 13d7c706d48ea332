"""What several routes of accounts say alike."""

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
