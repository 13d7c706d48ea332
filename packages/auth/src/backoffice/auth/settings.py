"""The settings of accounts: `BACKOFFICE_AUTH__...`."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from backoffice.core.settings import configuration

LONGEST = timedelta(days=3650)


class AuthSettings(BaseSettings):
    """How people and programs sign in. Spans of time are ISO 8601 (`PT15M`) or seconds."""

    model_config = configuration("BACKOFFICE_AUTH__")

    #: Whether strangers may create an account by `POST /register`.
    registration: bool = True
    #: How long an access token is good.
    access_lifetime: timedelta = Field(default=timedelta(minutes=15), gt=timedelta(0), le=LONGEST)
    #: How long a client stays signed in by refreshing, at the most.
    refresh_lifetime: timedelta = Field(default=timedelta(days=30), gt=timedelta(0), le=LONGEST)
    #: A spent refresh token, sent again within this span, gives the same successor once more:
    #: the answer to the first may have been lost. After it, it ends the session.
    refresh_grace: timedelta = Field(default=timedelta(seconds=10), ge=timedelta(0), le=LONGEST)
    #: How long a browser stays signed in, at the most.
    session_lifetime: timedelta = Field(default=timedelta(days=7), gt=timedelta(0), le=LONGEST)
    #: How long a browser stays signed in without a request.
    session_idle: timedelta = Field(default=timedelta(hours=8), gt=timedelta(0), le=LONGEST)
    #: Least number of characters of a new password (NIST 800-63B-4 recommends 15).
    password_min_length: int = Field(default=8, ge=8, le=128)
    #: Tries to sign in, per address.
    sign_in_limit: str = "20/minute"
    #: Accounts created, per address.
    register_limit: str = "20/hour"
    #: `iss` of access tokens; a token of another issuer is refused.
    issuer: str = Field(default="backoffice", min_length=1, max_length=200)
    #: `aud` of access tokens; a token for another audience is refused.
    audience: str = Field(default="backoffice", min_length=1, max_length=200)
    #: Which library signs and verifies tokens: `python-jose`, or `joserfc` if it is installed.
    token_library: str = Field(default="python-jose", pattern="^(python-jose|joserfc)$")
    #: Send the session cookie over https only. Unset: as the sign-in request came.
    cookie_secure: bool | None = None
    #: Named in challenges: `WWW-Authenticate: Bearer realm="..."`.
    realm: str = Field(default="backoffice", pattern=r"^[ !#-\[\]-~]{1,100}$")
