"""What several routes of accounts say alike."""

from backoffice.auth.principals import Principal
from backoffice.core import Forbidden


def person(who: Principal) -> Principal:
    """The principal, if it may manage credentials: an API key may where it was told to."""
    if not who.manages_credentials:
        raise Forbidden(
            "An API key may not do this; sign in with the password.", code="sign_in_required"
        )
    return who
