"""Sending files to the admin, as its pages do."""

import re
from html import unescape

from httpx2 import Response

from backoffice.admin.imports.models import Import
from tests.admin.background import ended
from tests.admin.conftest import ORIGIN, House, query_of


def upload(
    house: House,
    content: str | bytes,
    name: str = "books.csv",
    resource: str = "books",
    token: str | None = None,
) -> Response:
    """The answer to a file."""
    data = content.encode() if isinstance(content, str) else content
    return house.client.post(
        f"/admin/{resource}/import",
        data={"csrf_token": token or house.token()},
        files={"file": (name, data)},
        headers=ORIGIN,
    )


def sent(house: House, content: str | bytes, resource: str = "books") -> str:
    """The number of a file that was read."""
    answer = upload(house, content, resource=resource)
    assert answer.status_code == 303, told(answer)
    return query_of(answer.headers["location"])["pk"][0]


def suggested(page: str) -> dict[str, str]:
    """What the form of the columns says, sent as it is."""
    found = {"adds": "1"} if re.search(r'name="adds" value="1" checked', page) else {}
    selects = re.findall(r'<select id="[\w-]+" name="([\w.]+)">(.*?)</select>', page, re.DOTALL)
    for name, options in selects:
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        found[name] = (chosen or [""])[0]
    return found


def tried(house: House, number: str, resource: str = "books", **changes: str) -> Import:
    """The file, once it was tried as its columns suggest, but for changes."""
    page = house.open(f"/{resource}/import?pk={number}&match=again").text
    form = {**suggested(page), **changes}
    if form.get("adds") == "":
        del form["adds"]
    answer = house.send(f"/{resource}/import/match", {"pk": number, **form})
    assert answer.status_code == 303, told(answer)
    return settled(house, number)


def written(house: House, number: str, resource: str = "books") -> Import:
    """The file, once it was written."""
    answer = house.send(f"/{resource}/import/write", {"pk": number})
    assert answer.status_code == 303, told(answer)
    return settled(house, number)


def settled(house: House, number: str) -> Import:
    """The file, once its last job is over."""
    before = house.get(Import, int(number))
    assert before is not None
    ended(house, before.deed_job or before.check_job or 0)
    found = house.get(Import, int(number))
    assert found is not None
    return found


def counts(found: Import) -> tuple[int, int, int, int]:
    """Rows added, changed, as they were, and refused."""
    return found.added, found.changed, found.same, found.refused


def told(answer: Response) -> str:
    """What a page says is wrong."""
    found = re.findall(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    return unescape(" ".join(found)) or answer.text
