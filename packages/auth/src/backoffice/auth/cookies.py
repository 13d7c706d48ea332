"""The session cookie: its name, its attributes, where it is read and cleared."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from backoffice.auth.settings import AuthSettings

_NAME = "backoffice_session"


class SessionCookie:
    """The cookie by which a browser is signed in, bound to this host where it is secure."""

    def __init__(self, settings: AuthSettings) -> None:
        self._secure = settings.cookie_secure
        self._same_site = settings.cookie_same_site
        self._max_age = int(settings.session_lifetime.total_seconds())

    def read(self, connection: HTTPConnection) -> str | None:
        """The value sent; None where there is none, and "", which is no session, for several.

        Of this very name: Starlette's parser strips U+0085 and U+00A0 as well, with which a
        neighbouring subdomain may plant `\x85__Host-...`, for browsers see no `__Host-` in it.
        """
        name = self.name(connection).encode()
        found = [
            value.decode("latin-1")
            for header, content in connection.scope["headers"]
            if header == b"cookie"
            for key, _, value in (
                each.strip(b" \t").partition(b"=") for each in content.split(b";")
            )
            if key == name
        ]
        if not found:
            return None
        return found[0] if len(found) == 1 else ""

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
            samesite=self._same_site,
            secure=self._is_secure(connection),
        )

    def clear(self, response: Response, connection: HTTPConnection) -> None:
        """Make the browser forget the cookie."""
        response.delete_cookie(
            self.name(connection),
            path="/",
            httponly=True,
            samesite=self._same_site,
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
