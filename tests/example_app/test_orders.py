"""Orders: placed from the stock, and moved from one status to the next."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlmodel import col, select

from example_app.models import Order, OrderLine
from tests.example_app.shop import session_on

AddBook = Callable[..., int]

CUSTOMER = {"customer": "Aoife Tierney", "email": "aoife@example.org", "country": "IE"}


def place(client: TestClient, *lines: tuple[int, int], **fields: object) -> Response:
    books = [{"book_id": book_id, "quantity": quantity} for book_id, quantity in lines]
    return client.post("/api/orders", json={**CUSTOMER, "lines": books, **fields})


def placed(client: TestClient, *lines: tuple[int, int]) -> int:
    answer = place(client, *lines)
    assert answer.status_code == 201, answer.text
    order_id: int = answer.json()["id"]
    return order_id


def move(client: TestClient, order_id: int, status: str) -> int:
    return client.patch(f"/api/orders/{order_id}", json={"status": status}).status_code


def stock_of(client: TestClient, book_id: int) -> int:
    stock: int = client.get(f"/api/books/{book_id}").json()["stock"]
    return stock


def test_an_order_is_placed_from_the_stock(client: TestClient, add_book: AddBook) -> None:
    """It keeps the prices of its day, and its parcel costs what it weighs."""
    cheap = add_book(price="5", weight_kg=0.5, stock=5)
    dear = add_book(price="80.10", weight_kg=1, stock=1)
    order = place(client, (dear, 1), (cheap, 2)).json()
    assert order["status"] == "pending"
    assert order["shipping"] == "7.70"  # 4.50 and 2 kg at 1.60
    assert {line["book_id"]: line["unit_price"] for line in order["lines"]} == {
        cheap: "5.00",
        dear: "80.10",
    }
    assert (stock_of(client, cheap), stock_of(client, dear)) == (3, 0)
    assert client.get(f"/api/orders/{order['id']}").json() == order


def test_an_order_beyond_the_stock_takes_nothing(
    client: TestClient, add_book: AddBook, shop_url: str
) -> None:
    """What was taken for its other lines is put back, and no order is left behind."""
    plenty, scarce = add_book(stock=5), add_book(stock=1)
    assert place(client, (plenty, 2), (scarce, 2)).status_code == 409
    assert (stock_of(client, plenty), stock_of(client, scarce)) == (5, 1)
    with session_on(shop_url) as session:
        assert session.exec(select(Order)).all() == []
        assert session.exec(select(OrderLine)).all() == []


UNACCEPTABLE: list[dict[str, object]] = [
    {"country": "XX"},
    {"country": "Ireland"},
    {"country": "I\x00"},
    {"email": "nobody"},
    {"email": "a\x00@example.org"},
    {"email": f"{'a' * 300}@example.org"},
    {"customer": "\x00"},
    {"lines": []},
    {"lines": [{"book_id": 2**63, "quantity": 1}]},
    {"lines": [{"book_id": 999, "quantity": 1}]},
    {"lines": [{"book_id": 1, "quantity": 0}]},
    {"lines": [{"book_id": 1, "quantity": 2**31}]},
    {"lines": [{"book_id": 1, "quantity": 1}, {"book_id": 1, "quantity": 1}]},
    {"lines": [{"book_id": number, "quantity": 1} for number in range(1, 52)]},
]


def test_an_order_that_cannot_be_is_refused(
    client: TestClient, add_book: AddBook, subtests: pytest.Subtests
) -> None:
    """It takes nothing from the stock."""
    book_id = add_book(stock=5)
    for fields in UNACCEPTABLE:
        with subtests.test(fields=fields):
            assert place(client, (book_id, 1), **fields).status_code == 422
    assert stock_of(client, book_id) == 5


def test_an_order_goes_from_status_to_status(client: TestClient, add_book: AddBook) -> None:
    """Each step is seen by the next request."""
    order_id = placed(client, (add_book(), 1))
    for status in ("paid", "shipped", "delivered"):
        assert move(client, order_id, status) == 200
        assert client.get(f"/api/orders/{order_id}").json()["status"] == status


IMPOSSIBLE: list[tuple[tuple[str, ...], str]] = [
    ((), "pending"),
    ((), "shipped"),
    ((), "delivered"),
    (("paid",), "pending"),
    (("paid",), "paid"),
    (("paid",), "delivered"),
    (("paid", "shipped"), "cancelled"),
    (("paid", "shipped", "delivered"), "cancelled"),
    (("cancelled",), "paid"),
    (("cancelled",), "cancelled"),
]


def test_an_order_skips_no_status(
    client: TestClient, add_book: AddBook, subtests: pytest.Subtests
) -> None:
    """A step that does not follow is a conflict and changes nothing."""
    book_id = add_book(stock=len(IMPOSSIBLE))
    for way, next_ in IMPOSSIBLE:
        with subtests.test(way=way, next=next_):
            order_id = placed(client, (book_id, 1))
            for status in way:
                assert move(client, order_id, status) == 200
            before = client.get(f"/api/orders/{order_id}").json()
            assert move(client, order_id, next_) == 409
            assert client.get(f"/api/orders/{order_id}").json() == before


def test_a_cancelled_order_goes_back_to_the_stock(client: TestClient, add_book: AddBook) -> None:
    """Once, however often it is asked for."""
    one, other = add_book(stock=5), add_book(stock=5)
    order_id = placed(client, (other, 3), (one, 2))
    assert [move(client, order_id, "cancelled") for _ in range(2)] == [200, 409]
    assert (stock_of(client, one), stock_of(client, other)) == (5, 5)


def test_the_last_copy_is_sold_once(client: TestClient, add_book: AddBook) -> None:
    """Of many orders at the same time for three copies, three succeed."""
    book_id = add_book(stock=3)
    with ThreadPoolExecutor(8) as customers:
        answers = list(customers.map(lambda _: place(client, (book_id, 1)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert stock_of(client, book_id) == 0


def test_orders_for_the_same_books_do_not_deadlock(client: TestClient, add_book: AddBook) -> None:
    """Whatever order their lines come in."""
    books = [add_book(stock=40), add_book(stock=40)]
    with ThreadPoolExecutor(8) as customers:
        answers = list(
            customers.map(
                lambda turn: place(client, (books[turn % 2], 1), (books[1 - turn % 2], 1)),
                range(24),
            )
        )
    assert {answer.status_code for answer in answers} == {201}
    assert [stock_of(client, book_id) for book_id in books] == [16, 16]


def test_an_order_is_cancelled_once_by_many(client: TestClient, add_book: AddBook) -> None:
    """Of several moves at the same time one succeeds, and the stock grows once."""
    book_id = add_book(stock=5)
    order_id = placed(client, (book_id, 4))
    with ThreadPoolExecutor(6) as clerks:
        statuses = list(clerks.map(lambda _: move(client, order_id, "cancelled"), range(6)))
    assert sorted(statuses) == [200] + [409] * 5
    assert stock_of(client, book_id) == 5


def test_orders_are_listed_newest_first_by_status(client: TestClient, add_book: AddBook) -> None:
    """The total counts what was found, not what the page holds."""
    book_id = add_book(stock=5)
    first, second, third = (placed(client, (book_id, 1)) for _ in range(3))
    move(client, second, "paid")
    page = client.get("/api/orders?status=pending&limit=1").json()
    assert ([order["id"] for order in page["items"]], page["total"]) == ([third], 2)
    everything = client.get("/api/orders").json()
    assert [order["id"] for order in everything["items"]] == [third, second, first]


def test_a_list_of_orders_out_of_bounds_is_refused(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    """It never reaches the database."""
    for query in ("status=lost", "status=%00", "limit=0", f"offset={2**64}"):
        with subtests.test(query=query):
            assert client.get(f"/api/orders?{query}").status_code == 422


def test_an_order_moves_only_to_a_status(
    client: TestClient, add_book: AddBook, subtests: pytest.Subtests
) -> None:
    """The statuses are those of the enum, letter by letter."""
    order_id = placed(client, (add_book(), 1))
    for status in ("lost", "", None, 1, "PAID"):
        with subtests.test(status=status):
            answer = client.patch(f"/api/orders/{order_id}", json={"status": status})
            assert answer.status_code == 422


def test_an_order_that_is_not_there_does_not_move(client: TestClient) -> None:
    """It is 404, not a conflict."""
    assert move(client, 12, "paid") == 404


def test_the_database_holds_the_status_as_the_api_writes_it(
    client: TestClient, add_book: AddBook, shop_url: str
) -> None:
    """The column is an enum; what reads it gets a status."""
    order_id = placed(client, (add_book(), 1))
    with session_on(shop_url) as session:
        order = session.exec(select(Order).where(col(Order.id) == order_id)).one()
    assert (order.status, order.placed_at.tzname()) == ("pending", "UTC")
