"""The Chromium that browser tests drive: found on this machine, or installed where we may."""

import os
import shutil
import subprocess
import sys

from tests.services.process import ServiceError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ADVICE = (
    "The browser tests need Chromium or Google Chrome. "
    "Install it (Debian: apt-get install chromium; macOS: brew install --cask chromium)."
)

# The browser asks nobody anything of its own accord, so that a request seen is a page's.
ARGUMENTS = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


def executable() -> str:
    """Find the browser.

    Raises ServiceError, which says what to install.
    """
    found = [path for path in map(shutil.which, (*NAMES, *PLACES)) if path]
    if not found:
        raise ServiceError(ADVICE)
    return found[0]


def main() -> int:
    """Make sure that there is a browser; as root on Debian, by installing it."""
    try:
        executable()
    except ServiceError as error:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            print(error, file=sys.stderr)
            return 1
        _install()
        executable()
    return 0


def _install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
