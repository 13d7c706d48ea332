"""From which pages a cookie opens a websocket."""

from typing import Any

import pytest

from backoffice.auth import AuthSettings
from tests.auth.conftest import headers
from tests.auth.websockets.conftest import HERE, Street, code

pytestmark = pytest.mark.one_database


class TestOrigin:
    """A cookie opens a websocket for a page of this site, or of an origin that is trusted."""

    @pytest.mark.parametrize("origin", [HERE, "https://shop.example.com"])
    def test_of_this_site_or_trusted(self, street: Street, origin: str) -> None:
        street.user()
        with street.connect(cookie=street.cookie(), origin=origin) as socket:
            assert socket.receive_json()["method"] == "session"

    @pytest.mark.parametrize(
        "origin",
        [
            None,
            "",
            "null",
            "https://evil.example",
            "http://shop.example.com",
            "https://shop.example.com.evil.example",
            "https://shop.example.com:444",
            ["https://shop.example.com", "https://evil.example"],
        ],
    )
    def test_of_anywhere_else(self, street: Street, origin: Any) -> None:
        street.user()
        answer = street.refused("/ws/feed", cookie=street.cookie(), origin=origin)
        assert (answer.status_code, code(answer)) == (403, "csrf_failed")

    def test_trust_is_for_websockets_alone(self, street: Street) -> None:
        street.user()
        sent = {**headers(cookie=street.cookie()), "Origin": "https://shop.example.com"}
        assert street.client.post("/auth/ws-ticket", headers=sent).status_code == 403

    @pytest.mark.parametrize(
        "written",
        [
            "*",
            "null",
            "shop.example.com",
            "http://shop.example.com",
            "https://shop.example.com/path",
            "https://user@shop.example.com",
            "https://*.example.com",
            "https://shop.example.com:99999",
            "https://shop.example.com:0",
            "https://",
            "https://a b",
        ],
    )
    def test_a_setting_that_is_no_origin_is_refused(self, written: str) -> None:
        with pytest.raises(ValueError, match="is not an origin"):
            AuthSettings(trusted_origins=(written,))

    def test_origins_are_written_as_browsers_send_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "BACKOFFICE_AUTH__TRUSTED_ORIGINS"
        monkeypatch.setenv(name, "https://Shop.example.com:443/, https://[::1]:8443,")
        found = AuthSettings().trusted_origins
        assert found == ("https://shop.example.com", "https://[::1]:8443")
