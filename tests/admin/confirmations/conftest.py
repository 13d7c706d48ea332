"""A site with dangerous deeds, running, for somebody who signed in a while ago."""

from collections.abc import Iterator

import pytest

from backoffice.core import clock
from backoffice.core.testing import ManualClock
from tests.admin.confirming import LATER, GuardedHouse
from tests.admin.library import Author, Tag


@pytest.fixture
def time() -> Iterator[ManualClock]:
    found = ManualClock()
    with clock.override(found):
        yield found


@pytest.fixture
def site(time: ManualClock, settings: None) -> Iterator[GuardedHouse]:
    """Ann, a superuser, who signed in a while ago; Bob, and some records."""
    with GuardedHouse() as found:
        found.add(Tag(name="new"), Author(name="Ada"))
        found.user("bob@example.com")
        found.signed_in(superuser=True)
        time.advance(LATER)
        yield found
