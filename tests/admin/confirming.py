"""A site with dangerous deeds, and the page that asks for the password before one."""

import re
from collections.abc import Sequence
from datetime import timedelta
from html import unescape
from typing import Any

from fastapi import FastAPI
from httpx2 import Response

from backoffice.admin import ActionContext, Admin, ModelAdmin, action
from backoffice.auth import Auth
from tests.admin.conftest import House
from tests.admin.library import Author, Tag
from tests.auth.conftest import PASSWORD, AppWithAccounts

LATER = timedelta(minutes=15, seconds=1)


@action("Retire", dangerous=True)
async def retire(tags: Sequence[Tag], context: ActionContext) -> None:
    for each in tags:
        await context.session.delete(each)


class TagAdmin(ModelAdmin):
    model = Tag
    dangerous = ("delete",)
    actions = (retire,)


class GuardedHouse(House):
    """One page of its own is dangerous too."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Author, TagAdmin])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


def held(page: Response) -> list[tuple[str, str]]:
    """The hidden fields of the page that asks, as a browser would send them."""
    form = page.text[page.text.index('<form class="card sheet"') :]
    pattern = r'<input type="hidden" name="([^"]*)" value="([^"]*)">'
    return [(unescape(name), unescape(value)) for name, value in re.findall(pattern, form)]


def confirmed(site: House, page: Response, password: str = PASSWORD) -> Response:
    """The page that asks, sent with the password."""
    form: dict[str, Any] = {}
    for name, value in held(page):
        form.setdefault(name, []).append(value)
    token = form.pop("csrf_token")[0]
    address = re.search(r'<form class="card sheet" method="post" action="([^"]+)"', page.text)
    assert address is not None
    path = unescape(address[1]).removeprefix("/admin")
    return site.send(path, {**form, "confirm_password": password}, token=token)
