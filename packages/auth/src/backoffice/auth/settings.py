"""The settings of accounts: `BACKOFFICE_AUTH__...`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import NoDecode

from backoffice.auth.breached_passwords import written_base
from backoffice.auth.origin import written_origin, written_public_url
from backoffice.core.settings import PackageSettings, Span, Unit, configuration
from backoffice.ratelimit.settings import WrittenLimit

LONGEST_NAME = 255
NONE, LONGEST = timedelta(0), timedelta(days=3650)


def _page(written: str) -> str:
    if not written.startswith("/"):
        raise ValueError("is no page of the app; write its path, as /sign-in")
    return written


def _page_of_link(written: str) -> str:
    if not written.startswith("/") or "{token}" not in written:
        raise ValueError("is no page of the app; write a path with the token, as /reset?t={token}")
    return written


Page = Annotated[str, AfterValidator(_page), Unit("a path")]
PageOfLink = Annotated[str, AfterValidator(_page_of_link), Unit("a path with {token}")]


class AuthSettings(PackageSettings):
    """How people and programs sign in."""

    model_config = configuration("BACKOFFICE_AUTH__")
    elsewhere: ClassVar[tuple[str, ...]] = ("BACKOFFICE_PASSWORD",)

    registration: bool = True
    """Whether strangers may create an account by `POST /register`."""

    access_lifetime: Span = Field(default=timedelta(minutes=15), gt=NONE, le=LONGEST)
    """How long an access token is good."""

    refresh_lifetime: Span = Field(default=timedelta(days=30), gt=NONE, le=LONGEST)
    """How long a client stays signed in by refreshing, at the most."""

    refresh_idle: Span = Field(default=timedelta(days=14), gt=NONE, le=LONGEST)
    """How long a client stays signed in without a request and without refreshing."""

    refresh_grace: Span = Field(default=timedelta(seconds=10), ge=NONE, le=LONGEST)
    """A spent refresh token, sent again within this span, gives the same successor once more: the
    answer to the first may have been lost. After it, it ends the session."""

    session_lifetime: Span = Field(default=timedelta(days=7), gt=NONE, le=LONGEST)
    """How long a browser stays signed in, at the most."""

    session_idle: Span = Field(default=timedelta(hours=8), gt=NONE, le=LONGEST)
    """How long a browser stays signed in without a request."""

    revocation_lag: Span = Field(default=timedelta(seconds=0.25), ge=NONE, le=timedelta(seconds=10))
    """How long a process trusts what it remembers of a credential before it asks the database
    whether anything was taken away. Who takes something away (signs out, changes a password, a
    role or a key) waits as long for the answer, so that it holds everywhere by then. 0: asks each
    time."""

    remembered: Annotated[int, Unit("credentials")] = Field(default=10_000, ge=0, le=10_000_000)
    """Credentials found good that a process remembers, about 2 kB each."""

    two_credentials: bool = False
    """Accept a token and an API key in one request, if both are of the same account: what both
    permit holds."""

    password_min_length: Annotated[int, Unit("characters")] = Field(default=8, ge=8, le=128)
    """Least number of characters of a new password (NIST 800-63B-4 recommends 15)."""

    passwords_at_once: Annotated[int | None, Unit("passwords")] = Field(default=None, ge=1, le=64)
    """Passwords that a process hashes at a time, 46 MiB each; 64 times as many may wait, and who
    comes then gets 503. Unset: one fewer than the processors that the process may use, at least 1
    and at most 4."""

    breached_passwords_url: Annotated[
        Annotated[str, AfterValidator(written_base)] | None, Unit("URL")
    ] = None
    """Where new passwords are looked up among stolen ones, by five digits of their SHA-1:
    `https://api.pwnedpasswords.com/range`, or a copy of one's own. Unset: nowhere."""

    sign_in_limit: WrittenLimit = "20/minute"
    """Tries to sign in, per address."""

    account_limit: WrittenLimit = "10/15 minutes"
    """Wrong passwords, per account and client's address."""

    account_limit_of_strangers: WrittenLimit = "100/hour"
    """Wrong passwords, per account, from where it was not signed in within 90 days: whoever comes
    from where it was is not kept out by it."""

    register_limit: WrittenLimit = "20/hour"
    """Accounts created, per address."""

    recovery_limit: WrittenLimit = "20/hour"
    """Links asked for, per client's address."""

    recovery_limit_per_account: WrittenLimit = "5/hour"
    """Links asked for, per mail address, whether it has an account or not."""

    public_url: Annotated[
        Annotated[str, AfterValidator(written_public_url)] | None, Unit("https://host[/path]")
    ] = None
    """Where links in mails lead, before the page: never what a request says of its host. Unset: no
    link is sent."""

    verify_page: PageOfLink = "/verify?token={token}"
    """The page that sends the token of its address to `POST /verify`."""

    reset_page: PageOfLink = "/reset-password?token={token}"
    """The page that asks for a new password, and sends it with the token to
    `POST /reset-password`."""

    forgot_page: Page = "/forgot-password"
    """The page where a forgotten password is told."""

    sign_in_page: Page = "/sign-in"
    """The page where people sign in."""

    verify_lifetime: Span = Field(default=timedelta(days=1), gt=NONE, le=timedelta(days=30))
    """How long the link to prove an address is good."""

    reset_lifetime: Span = Field(default=timedelta(minutes=30), gt=NONE, le=timedelta(days=1))
    """How long the link to replace a password is good."""

    guess_limit: WrittenLimit = "60/minute"
    """Refresh tokens, and tokens to revoke, that are not good, per address; API keys that are not
    good, per address and key."""

    keys_per_owner: Annotated[int, Unit("keys")] = Field(default=100, ge=1, le=100_000)
    """API keys that one account may have at a time."""

    key_overlap: Span = Field(default=timedelta(days=30), ge=NONE, le=LONGEST)
    """How long a key that is rotated may go on beside its successor, at the most."""

    issuer: str = Field(default="backoffice", min_length=1, max_length=200)
    """`iss` of access tokens; a token of another issuer is refused."""

    audience: str = Field(default="backoffice", min_length=1, max_length=200)
    """`aud` of access tokens; a token for another audience is refused."""

    token_library: Literal["python-jose", "joserfc"] = "python-jose"  # noqa: S105
    """Which library signs and verifies tokens: `python-jose`, or `joserfc` if it is installed."""

    key_ring: Path | None = None
    """A file of the keys that sign tokens; `backoffice secrets rotate` makes it. Unset: one HS256
    key, derived from BACKOFFICE_SECRET_KEY."""

    cookie_secure: bool | None = None
    """Send the session cookie over https only. Unset: as the sign-in request came."""

    cookie_same_site: Literal["lax", "strict"] = "lax"
    """`strict`: a browser that comes by a link from another site is not signed in on the first
    page."""

    realm: Annotated[str, Unit('1 to 100 of ASCII, without " and \\')] = Field(
        default="backoffice", pattern=r"^[ !#-\[\]-~]{1,100}$"
    )
    """Named in challenges: `WWW-Authenticate: Bearer realm="..."`."""

    trusted_origins: Annotated[
        tuple[Annotated[str, AfterValidator(written_origin)], ...],
        NoDecode,
        Unit("https://host[:port], separated by commas"),
    ] = Field(default=(), max_length=1000)
    """Whose pages may open websockets by the session cookie, besides those of the app's own
    origin."""

    ticket_lifetime: Span = Field(default=timedelta(seconds=30), gt=NONE, le=timedelta(minutes=10))
    """How long a ticket of `POST /ws-ticket` opens a websocket, once."""

    websocket_lifetime: Span = Field(default=timedelta(hours=1), gt=NONE, le=LONGEST)
    """How long a websocket stays open, at the most; then its client connects anew, by a credential
    that is good then."""

    @field_validator("trusted_origins", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [each.strip() for each in value.split(",") if each.strip()]

    @field_validator("key_ring")
    @classmethod
    def _a_path(cls, value: Path | None) -> Path | None:
        if value is not None and str(value).startswith(("{", "-----")):
            raise ValueError("is a key, and should be the path of a file of keys")
        if value is not None and any(len(part) > LONGEST_NAME for part in value.parts):
            raise ValueError("is no path: a name in it is too long")
        return value
