"""What a page did behind the user's back, as the browser saw it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  recordViolation(`${event.effectiveDirective} ${event.blockedURI} on ${event.documentURI}`));
"""


@dataclass
class PageLog:
    """Everything noteworthy that happened in one page; `page` fills it."""

    console_errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What the content security policy had to block."""
    requests: list[str] = field(default_factory=list)

    @property
    def foreign_requests(self) -> list[str]:
        """Requests to another origin than that of the first one, the test's own."""
        return [url for url in self.requests if _origin(url) != _origin(self.requests[0])]

    def watch(self, page: Page) -> None:
        """Begin to write down what this page does."""
        page.on("console", self._console)
        page.on("pageerror", self._error)
        page.on("request", self._request)
        page.expose_function("recordViolation", self._violation)
        page.add_init_script(REPORT_VIOLATIONS)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)

    def _error(self, error: Error) -> None:
        self.console_errors.append(str(error))

    def _violation(self, description: str) -> None:
        self.violations.append(description)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"about", "blob", "data"}:
            self.requests.append(request.url)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
