"""The admin of an app that answers its own errors with problem details."""

from collections.abc import Iterator

import pytest
from httpx2 import Response

from backoffice.core import problem_details
from tests.admin.conftest import House

PROBLEM = "application/problem+json"


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    found = House()
    problem_details(found.app)
    with found:
        yield found


def media_type(answer: Response) -> str:
    return str(answer.headers["content-type"]).partition(";")[0]


def test_its_errors_stay_pages(house: House) -> None:
    house.signed_in(superuser=True)
    pages = [
        house.open("/nowhere"),
        house.open("/books/detail?pk=999"),
        house.send("/books/add", {"title": ""}),
        house.send("/books/add", {"title": "x"}, token="wrong"),
        house.sign_in(password="wrong"),
    ]
    assert [page.status_code for page in pages] == [404, 404, 422, 403, 401]
    assert {media_type(page) for page in pages} == {"text/html"}


def test_its_answers_to_scripts_stay_its_own(house: House) -> None:
    answer = house.client.get("/admin/", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["detail"]["code"] == "unauthenticated"
    assert media_type(answer) == "application/json"


def test_accounts_beside_it_answer_with_problems(house: House) -> None:
    refused = house.client.post("/auth/login", data={"username": "x", "password": "y"})
    assert (refused.status_code, media_type(refused)) == (401, PROBLEM)
    assert refused.json()["code"] == "invalid_credentials"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert media_type(house.client.get("/nowhere")) == PROBLEM
