"""A real SMTP server with TLS and a password, as the settings name it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.services.smtp import HOST, PASSWORD, USER, SMTPServer, smtp_server


@contextmanager
def trusted_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SMTPServer]:
    """A server whose authority this machine trusts, and to which the environment sends mail."""
    with smtp_server() as server:
        file = folder / "authority.pem"
        server.authority.cert_pem.write_to_path(file)
        login = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", f"smtp://{login}@{HOST}:{server.port}")
        monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", "Shop <shop@example.org>")
        yield server
