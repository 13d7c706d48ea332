"""The ladder of errors.

    BackofficeError                 code, message, data, exit_code
    ├── SetupError                  the app is wired or configured wrongly; never a client's fault
    │   └── SingletonError          the graph of singletons cannot be built or is not open
    └── Refusal                     answered to the caller, with an HTTP status
        ├── InvalidInput      422   a value that the caller sent cannot be used
        ├── Unauthenticated   401   no principal, or a credential that is not good
        ├── Forbidden         403   a principal that may not do this
        ├── NotFound          404
        ├── Conflict          409   the state does not allow it, or the name is taken
        ├── TooManyRequests   429
        └── Unavailable       503   the database or Redis does not answer

A refusal is an HTTPException, so that FastAPI's own handler answers it: no handler has to be
added to an app that includes a router. `problem_details(app)` answers it by RFC 9457 instead.
docs/errors.md lists every code.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.exceptions import HTTPException

from backoffice.core.plain import plain


class BackofficeError(Exception):
    """Root of the ladder; `exit_code` is what the `backoffice` command ends with.

    `code` is for programs and never changes; `message` is for people, and says what to do next;
    `data` is what else a program may want to know.
    """

    code: str = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str | None = None, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.data = data

    def __str__(self) -> str:
        return self.message


class SetupError(BackofficeError):
    """The app is wired or configured wrongly; whoever runs it must mend that."""

    code = "setup"
    exit_code = 2


class SingletonError(SetupError):
    """The graph of singletons cannot be built, or is used while the app is not running."""

    code = "singletons"


class Refusal(BackofficeError, HTTPException):
    """Answered as `{"detail": {"code", "message", ...data}}`, with the class's HTTP status.

    Data that is named as a member of RFC 9457 is (`type`, `title`, `status`, `detail`, `code`)
    gives way to that member where `problem_details` answers.
    """

    status: ClassVar[int] = 500
    #: Type and title of RFC 9457 that IANA has registered for it, where there are such.
    problem: tuple[str, str] | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **data: Any,
    ) -> None:
        BackofficeError.__init__(self, message, code=code, **data)
        self.status_code: int = self.status
        # Starlette annotates detail as str, FastAPI's handler serialises any JSON value.
        # What a client sent may be in it: half a surrogate pair would turn the answer into a 500.
        self.detail: Any = plain({"code": self.code, "message": message, **data})
        self.headers = headers


class InvalidInput(Refusal):
    """A value that the caller sent cannot be used; the message says what would do."""

    code = "invalid_input"
    status = 422
    exit_code = 2


class Unauthenticated(Refusal):
    """Nobody is signed in, or the credential presented is not good.

    Has a challenge, as it must (RFC 9110, 15.5.2): `Bearer` unless the headers bring another.
    """

    code = "unauthenticated"
    status = 401

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **data: Any,
    ) -> None:
        challenged = {"WWW-Authenticate": "Bearer", **(headers or {})}
        super().__init__(message, code=code, headers=challenged, **data)


class Forbidden(Refusal):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class NotFound(Refusal):
    """There is no such thing, or none that the caller may know of."""

    code = "not_found"
    status = 404
    exit_code = 4


class Conflict(Refusal):
    """The name is taken, or the present state does not allow the change."""

    code = "conflict"
    status = 409
    exit_code = 5


class TooManyRequests(Refusal):
    """A rate limit is spent; `Retry-After` says how many seconds to wait (RFC 6585, 4)."""

    code = "rate_limited"
    status = 429


class Unavailable(Refusal):
    """Something that the app stands on (database, Redis) does not answer; try again later."""

    code = "unavailable"
    status = 503
    exit_code = 6
