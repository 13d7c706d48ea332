"""The pictures of the README, of the example shop as `make demo` serves it: `make pictures`."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.services import chromium

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
Shop = dict[str, str]


@contextmanager
def shop() -> Iterator[Shop]:
    """The demo on a free port; what it prints of itself: its url, and who may sign in."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "example_app.demo", "--port", "0", "--data", data]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            told: Shop = {}
            for line in process.stdout:
                name, _, value = line.strip().partition(": ")
                told[name] = value
                if name == "password":
                    break
            yield told
            process.terminate()


def signed_in(browser: Browser, told: Shop, scheme: Literal["light", "dark"], width: int) -> Page:
    """A page of the administrator's."""
    page = browser.new_page(
        viewport={"width": width, "height": 844 if width < 500 else 860},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.goto(f"{told['url']}/admin/login")
    page.get_by_label("E-mail").fill(told["admin"])
    page.get_by_label("Password").fill(told["password"])
    page.get_by_role("button", name="Sign in").click()
    page.locator("main#main").wait_for()
    return page


def take(page: Page, told: Shop, path: str, name: str) -> None:
    """Keep what stands at the path."""
    page.goto(f"{told['url']}/admin{path}")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / name)


def main() -> None:
    """Take them all."""
    with shop() as told, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=[*chromium.ARGUMENTS]
        )
        desk = signed_in(browser, told, "light", 1440)
        take(desk, told, "/books?filter=stock__eq%3D%220%22", "admin.png")
        take(desk, told, "/", "admin-home.png")
        take(signed_in(browser, told, "dark", 1440), told, "/orders/edit?pk=1", "admin-dark.png")
        take(signed_in(browser, told, "light", 390), told, "/orders", "admin-phone.png")
        browser.close()


if __name__ == "__main__":
    main()
