import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.services.page_log import PageLog

CONTENT = b"""<!doctype html><title>Shop</title>
<img src="http://elsewhere.invalid/pixel.png"><script>document.title = "hacked"</script>"""


class Shop(http.server.BaseHTTPRequestHandler):
    """A page that wants an image of another host and runs a script its policy forbids."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", "script-src 'none'")
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def shop_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_log_names_what_a_page_did_behind_the_users_back(
    page: Page, page_log: PageLog, shop_url: str
) -> None:
    """A request to another host, a blocked script, and both as console errors."""
    page.goto(shop_url)
    page.wait_for_load_state("networkidle")
    assert page.title() == "Shop"
    assert page_log.foreign_requests == ["http://elsewhere.invalid/pixel.png"]
    assert page_log.violations == [f"script-src-elem inline on {shop_url}"]
    assert len(page_log.console_errors) == 2
    page_log.requests.clear()
    page_log.violations.clear()
