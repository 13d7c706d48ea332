"""How the pages look and can be used: by everybody, at every size, in both looks, on a slow line.

What it sees is kept in artefacts/looks/."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.admin.kinds_of_pages import STEPS, Way, addresses
from tests.conftest import ARTEFACTS
from tests.services.databases import Databases

LOOKS = ARTEFACTS / "looks"
#: Every rule, best practices and those of WCAG 2.2 as well.
AUDIT = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"], rules: {
    "target-size": {enabled: true}, "color-contrast": {enabled: true}}});
  return found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${node.html.slice(0, 160)} ${(node.any[0] || {}).message || ""}`));
}"""
SHIFTS = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true}); window.shifted = 0;"""


@dataclass(frozen=True)
class View:
    """A size of the window, and the colours that the system asks for."""

    width: int
    height: int
    scheme: str

    def of(self, page: Page) -> Page:
        """The page as it is then."""
        page.set_viewport_size({"width": self.width, "height": self.height})
        page.emulate_media(color_scheme="dark" if self.scheme == "dark" else "light")
        return page

    def shoot(self, page: Page, name: str) -> None:
        """Keep what it looks like."""
        page.screenshot(path=LOOKS / f"{name}-{self.width}-{self.scheme}.png")


DESK, PHONE = View(1440, 900, "light"), View(390, 844, "dark")
#: Beside those two, where all of them are wanted: `make pictures`.
OTHERS = (
    View(1440, 900, "dark"),
    View(1024, 768, "light"),
    View(1024, 768, "dark"),
    View(390, 844, "light"),
)


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Site]:
    with Site(built) as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Without motion: what fades in would be measured half faded in."""
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(SHIFTS)
    yield context
    context.close()


def audited(page: Page) -> list[str]:
    """What axe has to say against the page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(AUDIT)
    return found


def looked_at(page: Page, name: str) -> list[str]:
    """What is wrong with the page that is open, at a desk and on a phone."""
    found = []
    for view in (DESK, PHONE):
        view.of(page)
        view.shoot(page, name)
        found += [f"{name} at {view.width}: {each}" for each in audited(page)]
    for view in (DESK, PHONE, *OTHERS[1:2]):
        view.of(page)
        if page.evaluate("document.documentElement.scrollWidth") > view.width:
            found.append(f"{name} is wider than {view.width}")
    if os.environ.get("EVERY_PICTURE"):
        for view in OTHERS:
            view.of(page)
            view.shoot(page, name)
    shifted = page.evaluate("window.shifted")
    return found if shifted < 0.02 else [*found, f"{name} shifted by {shifted}"]


def found_wrong(site: Site, context: BrowserContext, ways: Iterable[tuple[str, Way]]) -> list[str]:
    """What is wrong with these pages, for somebody who is signed in."""
    LOOKS.mkdir(parents=True, exist_ok=True)
    page = context.new_page()
    sign_in(DESK.of(page), site)
    found: list[str] = []
    for name, way in ways:
        way(DESK.of(page), site)
        found += looked_at(page, name)
    return found


def test_everybody_can_use_every_page(site: Site, context: BrowserContext) -> None:
    """Nothing that axe knows is wrong with any page, none is too wide, nothing moves."""
    found = found_wrong(site, context, addresses(site))
    assert not found, "\n".join(found)


def test_everybody_can_use_what_steps_lead_to(site: Site, context: BrowserContext) -> None:
    """The same of errors, conflicts, questions, and of the pages of signing in."""
    page = context.new_page()
    LOOKS.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    for name in ("login", "forgot-password", "reset-password"):
        page.goto(f"{site.url}/{name}")
        found += looked_at(page, name)
    found += found_wrong(site, context, STEPS.items())
    assert not found, "\n".join(found)


def test_a_first_visit_is_light(site: Site, browser: Browser) -> None:
    """All that comes over the line for a list, with nothing kept from before: under 200 kB."""
    known = browser.new_context()
    sign_in(known.new_page(), site)
    context = browser.new_context(storage_state=known.storage_state())
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    came: list[float] = []
    line.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))
    page.goto(f"{site.url}/books?page_size=25")
    page.wait_for_load_state("networkidle")
    known.close()
    context.close()
    assert len(came) > 8
    assert 50_000 < sum(came) < 200_000


#: Of what the keyboard is on: whether it is seen, by a ring and with nothing above it.
FOCUSED = """() => {
  const on = document.activeElement;
  if (on === document.body) return null;
  const box = on.getBoundingClientRect();
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const top = document.elementFromPoint(x, y);
  const label = on.closest("label");
  return {
    name: on.outerHTML.slice(0, 120),
    place: [...document.querySelectorAll("*")].indexOf(on),
    ringed: getComputedStyle(on).outlineStyle !== "none",
    seen: !!top && (on.contains(top) || top.contains(on) || (!!label && label.contains(top))),
  };
}"""


@pytest.mark.parametrize("path", ["/books?page_size=10", "/books/edit?pk=1"])
def test_the_keyboard_comes_everywhere_and_shows_where_it_is(
    site: Site, page: Page, path: str
) -> None:
    """From the link past the menu through the whole page; no bar lies above what it is on."""
    sign_in(page, site)
    page.goto(site.url + path)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    places: set[int] = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            break
        assert found["ringed"], found
        assert found["seen"], found
        places.add(found["place"])
    controls = "main :is(a, button, input:not([type=hidden]), select):not([tabindex='-1'])"
    reachable = page.locator(f"{controls}:visible")
    assert len(places) >= reachable.count() > 10


def test_what_was_typed_is_not_lost_by_a_click(site: Site, page: Page) -> None:
    """The browser asks before it leaves, and does not where nothing was typed or all is saved."""
    asked: list[Dialog] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog)
        dialog.dismiss()

    page.on("dialog", stay)
    sign_in(page, site)
    page.goto(f"{site.url}/books/edit?pk=1")
    page.get_by_label("Title").fill("Half a tit")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Tags").click()
    expect(page.get_by_label("Title")).to_have_value("Half a tit")
    assert [each.type for each in asked] == ["beforeunload"]
    page.get_by_label("Title").fill("A title")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice")).to_have_text("Book “A title” was saved.")
    page.goto(f"{site.url}/books/edit?pk=1")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Tags").click()
    expect(page.get_by_role("heading", name="Tags")).to_be_visible()
    assert len(asked) == 1


def test_a_look_is_kept(site: Site, page: Page) -> None:
    """Dark at once, dark on the next page; what is folded away in the side bar stays so."""
    page.emulate_media(color_scheme="light")
    sign_in(page, site)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    with page.expect_response("**/look"):
        page.get_by_role("button", name="Dark colours").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    people = page.get_by_role("group").filter(has_text="People")
    people.locator("summary").click()
    # The browser tells the page of it a moment later.
    page.wait_for_function("document.cookie.includes('folded=People')")
    page.goto(f"{site.url}/books")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    expect(page.get_by_role("button", name="Dark colours")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.get_by_role("link", name="Users", exact=True)).to_be_hidden()


def test_the_side_bar_shows_where_one_is_on_a_low_screen(site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 500})
    sign_in(page, site)
    health = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Health")
    expect(health).not_to_be_in_viewport()
    page.goto(f"{site.url}/system/health")
    expect(health).to_be_in_viewport()


def test_the_side_bar_comes_by_a_button_on_a_phone(site: Site, browser: Browser) -> None:
    """Without a script, too: it is behind the button, and Escape puts it away."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, "/books")
    expect(page.get_by_role("link", name="Home")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Home")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Home")).to_be_hidden()
    context.close()
