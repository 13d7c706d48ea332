"""The pages of rate limits: who is near one, and what may be done about it."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import ColumnElement
from sqlmodel import col

from backoffice.admin import Admin
from backoffice.auth import AuditEntry, Auth, Principal
from backoffice.core import clock
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import RateLimit
from tests.admin.confirming import LATER, confirmed
from tests.admin.conftest import House
from tests.auth.conftest import AppWithAccounts

# Limits are in no database.
pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

NAME = "GET /quote"
OPERATOR = ("rate-limits:view", "rate-limits:change")
PAGE = f"/system/limits/detail?name={NAME}"
RAISE = {"name": NAME, "by": "all", "limits": "50/day", "span": "1h"}


class Limited(House):
    """With a route that three requests a day may ask for."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")

        @self.app.get("/quote", dependencies=[RateLimit("3/day")])
        async def quote() -> None: ...

    def quotes(self, times: int) -> list[int]:
        return [self.client.get("/quote").status_code for _ in range(times)]

    def do(self, deed: str, **data: str) -> str:
        """What the page says after it."""
        answer = self.send(f"/system/limits/{deed}", {"name": NAME, **data})
        assert answer.status_code == 303, answer.text
        found = re.search(r'role="status">(.*?)</p>', self.open(PAGE).text)
        assert found is not None
        return found[1]


@pytest.fixture(scope="module")
def made() -> Limited:
    return Limited()


@pytest.fixture
def limited(settings: None, made: Limited) -> Iterator[Limited]:
    with made:
        yield made


def test_who_is_refused_is_told_by_name_and_let_in_again(limited: Limited) -> None:
    """By the row's own button; the audit log says who did it."""
    limited.signed_in(*OPERATOR, "users:view")
    assert limited.quotes(4) == [200, 200, 200, 429]
    page = limited.open("/system/limits").text
    near = page[page.index("Near a limit now") : page.index("All rate limits")]
    assert ">ann@example.com</a>" in near
    assert "3 of 3" in near
    assert "next in" in near
    caller = re.search(r'name="caller" value="([\w-]{22})"', near)
    assert caller is not None
    assert "forgotten" in limited.do("reset", caller=caller[1])
    assert limited.quotes(1) == [200]
    entry = limited.events()[-1]
    assert (entry.event, entry.subject, entry.actor[:5]) == (
        "ratelimit.reset",
        f"limit:{NAME}",
        "user:",
    )


def test_a_limit_is_raised_for_one_account_and_lifted_again(limited: Limited) -> None:
    limited.signed_in(*OPERATOR, "users:view")
    limited.quotes(3)
    one = {"by": "user", "who": "ann@example.com", "limits": "50/day", "span": "1h"}
    assert "hold" in limited.do("override", **one)
    assert limited.quotes(2) == [200, 200]
    standing = limited.open(f"{PAGE}&by=user&who=ann@example.com").text
    assert re.search(r'data-label="Left" class="number">48<', standing)
    assert ">ann@example.com</a>" in limited.open("/system/limits").text
    caller = re.search(r'name="caller" value="([\w-]{22})"', standing)
    assert caller is not None
    assert "code hold again" in limited.do("lift", caller=caller[1])
    assert limited.quotes(1) == [429]
    told = [each.event for each in limited.events()[-2:]]
    assert told == ["ratelimit.overridden", "ratelimit.override_lifted"]
    assert (
        limited.send("/system/limits/lift", {"name": NAME, "caller": caller[1]}).status_code == 409
    )


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("override", {"limits": "many"}, "is not a limit"),
    ("override", {"limits": ""}, "Say what is to hold"),
    ("override", {"span": "for ever"}, "Say how long"),
    ("override", {"by": "shoe"}, "does not count anybody by that"),
    ("override", {"by": "address", "who": "nowhere"}, "no address"),
    ("override", {"by": "user", "who": ""}, "Say who it is"),
    ("override", {"by": "user", "who": "bob@example.com"}, "There is no such account"),
    ("override", {"caller": "* GET /other"}, "That is no caller"),
    ("reset", {"by": "all"}, "Say who it is"),
    ("lift", {"caller": "x" * 22}, "lifted already"),
]


def test_what_cannot_be_done_is_said_with_what_was_typed(
    limited: Limited, subtests: pytest.Subtests
) -> None:
    limited.signed_in(*OPERATOR, "users:view")
    token = limited.token()
    for deed, data, said in WRONG:
        with subtests.test(said):
            sent = {**RAISE, **data}
            answer = limited.send(f"/system/limits/{deed}", sent, token)
            assert 400 <= answer.status_code < 500
            assert said in answer.text
            assert f'name="limits" value="{sent["limits"]}"' in answer.text
    assert limited.quotes(4)[-1] == 429
    assert limited.send("/system/limits/reset", {"name": "no such"}).status_code == 404


def test_who_may_only_look_changes_nothing_and_sees_no_names(limited: Limited) -> None:
    limited.signed_in("rate-limits:view")
    limited.quotes(4)
    page = limited.open("/system/limits").text
    assert "3 of 3" in page
    assert ">ann@example.com</a>" not in page[page.index("<main") :]
    assert "/system/limits/reset" not in page
    for deed in ("override", "lift", "reset"):
        assert limited.send(f"/system/limits/{deed}", RAISE).status_code == 403
    asked = limited.open(f"{PAGE}&by=user&who=ann@example.com")
    assert "does not count anybody by that" in asked.text
    limited.signed_in("users:view", email="bob@example.com")
    assert limited.open("/system/limits").status_code == 403
    assert limited.open(PAGE).status_code == 403


def test_addresses_are_those_of_entries_of_the_log_that_may_be_seen(settings: None) -> None:
    limited = Limited()

    @limited.auth.policy(AuditEntry, "view")
    def nothing(_: Principal, entry: type[AuditEntry]) -> ColumnElement[bool]:
        return col(entry.event) == "none"

    with limited, Limited() as other:
        for house, shown in ((limited, False), (other, True)):
            house.quotes(4)
            house.signed_in("rate-limits:view", "audit:view", email=f"{shown}@example.com")
            page = house.open("/system/limits").text
            assert "3 of 3" in page
            assert (">testclient</a>" in page) == shown


def test_a_limit_is_raised_by_who_proved_lately_who_they_are(settings: None) -> None:
    """Else the password is asked for, and the deed is done with it."""
    time = ManualClock()
    with clock.override(time), Limited() as limited:
        limited.signed_in(*OPERATOR)
        time.advance(LATER)
        asked = limited.send("/system/limits/override", RAISE)
        assert asked.status_code == 403
        assert "Confirm your password" in asked.text
        assert limited.quotes(4)[-1] == 429
        assert confirmed(limited, asked).status_code == 303
        assert limited.quotes(1) == [200]
