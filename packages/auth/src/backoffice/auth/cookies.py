"""The session cookie: its name, its attributes, where it is read and cleared."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from backoffice.auth.settings import AuthSettings

_NAME = "backoffice_session"


class SessionCookie:
    """The cookie by which a browser is signed in, bound to this host where it is secure."""

    def __init__(self, settings: AuthSettings) -> None:
        self._secure = settings.cookie_secure
        self._max_age = int(settings.session_lifetime.total_seconds())

    def read(self, connection: HTTPConnection) -> str | None:
        """The value sent; None where there is none."""
        return connection.cookies.get(self.name(connection))

    def name(self, connection: HTTPConnection) -> str:
        """`__Host-` keeps a neighbouring subdomain from planting one; browsers want https."""
        return f"__Host-{_NAME}" if self._is_secure(connection) else _NAME

    def set(self, response: Response, connection: HTTPConnection, value: str) -> None:
        """Send the cookie; only this host gets it back, no script reads it."""
        response.set_cookie(
            self.name(connection),
            value,
            max_age=self._max_age,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._is_secure(connection),
        )

    def clear(self, response: Response, connection: HTTPConnection) -> None:
        """Make the browser forget the cookie."""
        response.delete_cookie(
            self.name(connection),
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._is_secure(connection),
        )

    def clearing(self, connection: HTTPConnection) -> dict[str, str]:
        """The header that clears the cookie, for an error's headers."""
        response = Response()
        self.clear(response, connection)
        return {"set-cookie": response.headers["set-cookie"]}

    def _is_secure(self, connection: HTTPConnection) -> bool:
        if self._secure is not None:
            return self._secure
        return connection.url.scheme in ("https", "wss")
