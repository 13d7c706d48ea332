"""An action that is done by several at the same moment."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from backoffice.admin import ActionContext, Admin, action
from tests.admin.conftest import ORIGIN, BookAdmin, House, book
from tests.admin.extended import Extended
from tests.admin.library import Author, Book, Tag


@action("Add a page")
async def lengthen(books: Sequence[Book], _: ActionContext) -> None:
    for each in books:
        each.pages += 1
        await asyncio.sleep(0.05)


class Shelf(BookAdmin):
    actions = (lengthen,)


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    with Extended(lambda auth: Admin(auth, models=[Author, Shelf, Tag])) as found:
        yield found


def test_each_does_it_to_the_record_as_the_others_have_left_it(stocked: House) -> None:
    """None of them writes over what another one has done."""
    stocked.signed_in("books:*")
    form = {"csrf_token": stocked.token(), "name": "lengthen", "pks": "1"}

    async def together() -> list[int]:
        posts = (
            asyncio.to_thread(stocked.client.post, "/admin/books/action", data=form, headers=ORIGIN)
            for _ in range(4)
        )
        return [each.status_code for each in await asyncio.gather(*posts)]

    assert asyncio.run(together()) == [303] * 4
    assert book(stocked).pages == 4
