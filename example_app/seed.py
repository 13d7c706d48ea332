"""Fills an empty shop with a few thousand believable rows: `python -m example_app.seed`.

The same number gives the same rows, on SQLite and on PostgreSQL.
"""

import logging
import random
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Engine, insert, inspect
from sqlmodel import Session, SQLModel, select

from backoffice.core import BackofficeError, Database, Settings, SetupError
from backoffice.core.settings import load
from example_app import seed_words as words
from example_app.models import Author, Book, Order, OrderLine, OrderStatus, Review
from example_app.shipping import ShippingRates

AUTHORS, BOOKS, ORDERS, REVIEWS, CUSTOMERS = 300, 2000, 1500, 3000, 700
TODAY = datetime(2026, 11, 1, 9, tzinfo=UTC)

Row = dict[str, Any]
Chance = random.Random


class Person(NamedTuple):
    name: str
    country: str


def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)  # what goes wrong is told in one line, below
    try:
        rows = seeded(Database(load(Settings).database_url.get_secret_value()))
    except BackofficeError as error:
        sys.exit(f"error: {error}")
    print(", ".join(f"{count} {kind}" for kind, count in rows.items()) or "Nothing to do.")


def seeded(database: Database) -> dict[str, int]:
    with database.sync_session() as session:
        if not inspect(session.connection()).has_table("author"):
            raise SetupError("there are no tables yet; run `backoffice migrate up`")
    try:
        return seed(database.sync_engine)
    finally:
        database.sync_engine.dispose()


def seed(engine: Engine, number: int = 1) -> dict[str, int]:
    """Fill the shop in one transaction; returns the rows of each kind, none if it has authors."""
    chance = Chance(number)
    with Session(engine) as session:
        if session.exec(select(Author.id).limit(1)).first() is not None:
            return {}
        authors = written(session, Author, author_rows(chance))
        books = written(session, Book, book_rows(chance, authors))
        shelf = Shelf(chance, books)
        customers = people(chance, CUSTOMERS, list(ShippingRates().by_country))
        baskets = [shelf.pick(chance.choice((1, 1, 1, 2, 2, 3, 5))) for _ in range(ORDERS)]
        orders = written(session, Order, order_rows(chance, customers, baskets))
        lines = written(session, OrderLine, line_rows(chance, orders, baskets))
        reviews = written(session, Review, review_rows(chance, customers, shelf))
        session.commit()
    kinds = {"authors": authors, "books": books, "orders": orders, "order lines": lines}
    return {kind: len(rows) for kind, rows in kinds.items()} | {"reviews": len(reviews)}


def written(session: Session, table: type[SQLModel], rows: Iterator[Row]) -> list[Row]:
    """The rows, inserted in bulk, each with the id that the database gave it."""
    given = list(rows)
    # The ids come from the database: ids of our own would leave PostgreSQL's sequences behind.
    key = table.__table__.c.id  # type: ignore[attr-defined]
    ids = session.scalars(insert(table).returning(key, sort_by_parameter_order=True), given)
    return [row | {"id": id_} for row, id_ in zip(given, ids, strict=True)]


class Shelf:
    """Books to pick from; few are picked often, as in life."""

    def __init__(self, chance: Chance, books: Sequence[Row]) -> None:
        self.chance = chance
        self.books = books
        self.popularity = [chance.lognormvariate(0, 1.2) for _ in books]

    def pick(self, count: int) -> list[Row]:
        """Different books, at most `count`."""
        picked = self.chance.choices(self.books, self.popularity, k=count)
        return list({book["id"]: book for book in picked}.values())


def people(chance: Chance, count: int, homes: Sequence[str]) -> list[Person]:
    """Different people, who live in any of `homes`, or where their name comes from."""
    found: dict[str, Person] = {}
    while len(found) < count:
        origin = chance.choice(list(words.PEOPLE))
        given, family, _ = words.PEOPLE[origin]
        name = f"{chance.choice(given)} {chance.choice(family)}"
        home = origin if origin in homes and chance.random() < 0.8 else chance.choice(homes)
        found.setdefault(name, Person(name, home))
    return list(found.values())


def author_rows(chance: Chance) -> Iterator[Row]:
    for name, country in people(chance, AUTHORS, list(words.PEOPLE)):
        biography = None
        if chance.random() < 0.85:
            work, habit = chance.choice(words.FORMER_WORK), chance.choice(words.HABITS)
            biography = (
                f"{name} was {work} before the first novel appeared in "
                f"{chance.randint(1968, 2019)}, lives near {town(chance, country)} and {habit}."
            )
        yield {"name": name, "country": country, "biography": biography}


def book_rows(chance: Chance, authors: Sequence[Row]) -> Iterator[Row]:
    titles = different_titles(chance, BOOKS)
    productivity = [chance.lognormvariate(0, 0.8) for _ in authors]
    for number, title in enumerate(titles):
        published = TODAY.date() - timedelta(days=int(chance.betavariate(1, 3) * 20_000))
        pages = chance.randint(96, 720)
        yield {
            "title": title,
            "isbn": isbn(number),
            "author_id": chance.choices(authors, productivity)[0]["id"],
            "published": published,
            "price": Decimal(chance.randint(6, 9) + pages // 40) + Decimal("0.99"),
            "weight_kg": round(0.06 + pages * 0.0011, 3),
            "stock": chance.choice((0, 2, 3, 5, 8, 12, 20, 40)),
            "in_print": (TODAY.date() - published).days < 9000 or chance.random() < 0.6,
            "added_at": some_time(chance, 600),
        }


def different_titles(chance: Chance, count: int) -> list[str]:
    shares, patterns = zip(*words.TITLES, strict=True)
    titles: dict[str, None] = {}
    while len(titles) < count:
        thing, other = chance.sample(words.THINGS, 2)
        subject, subject2 = chance.sample(words.SUBJECTS, 2)
        title = chance.choices(patterns, shares)[0].format(
            thing=thing,
            other=other,
            subject=subject,
            subject2=subject2,
            trade=chance.choice(words.TRADES),
            kin=chance.choice(words.KIN),
            role=chance.choice(words.ROLES),
            quality=chance.choice(words.QUALITIES),
            season=chance.choice(words.SEASONS),
            town=town(chance),
        )
        titles.setdefault(title)
    return list(titles)


def isbn(number: int) -> str:
    digits = f"9781{40_000_000 + number * 7919:08d}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def order_rows(
    chance: Chance, customers: Sequence[Person], baskets: Sequence[Sequence[Row]]
) -> Iterator[Row]:
    rates = ShippingRates()
    for basket in baskets:
        customer = chance.choice(customers)
        placed_at = some_time(chance, chance.choice((3, 14, 400, 400)))
        yield {
            "customer": customer.name,
            "email": email(customer),
            "country": customer.country,
            "status": likely_status(chance, TODAY - placed_at),
            "shipping": rates.cost(customer.country, sum(book["weight_kg"] for book in basket)),
            "placed_at": placed_at,
        }


def likely_status(chance: Chance, age: timedelta) -> OrderStatus:
    if chance.random() < 0.06:
        return OrderStatus.cancelled
    days = age.days + chance.randint(-1, 2)
    if days < 2:
        return OrderStatus.pending
    if days < 4:
        return OrderStatus.paid
    return OrderStatus.shipped if days < 9 else OrderStatus.delivered


def line_rows(
    chance: Chance, orders: Sequence[Row], baskets: Sequence[Sequence[Row]]
) -> Iterator[Row]:
    for order, basket in zip(orders, baskets, strict=True):
        for book in basket:
            yield {
                "order_id": order["id"],
                "book_id": book["id"],
                "quantity": chance.choice((1, 1, 1, 1, 1, 2, 3)),
                "unit_price": book["price"],
            }


def review_rows(chance: Chance, customers: Sequence[Person], shelf: Shelf) -> Iterator[Row]:
    seen: set[tuple[int, str]] = set()
    while len(seen) < REVIEWS:
        book, reviewer = shelf.pick(1)[0], chance.choice(customers).name
        if (book["id"], reviewer) in seen:
            continue
        seen.add((book["id"], reviewer))
        rating = chance.choices((5, 4, 3, 2, 1), (38, 30, 17, 9, 6))[0]
        yield {
            "book_id": book["id"],
            "reviewer": reviewer,
            "rating": rating,
            "body": opinion(chance, rating),
            "written_at": some_time(chance, 500),
        }


def opinion(chance: Chance, rating: int) -> str:
    openings, endings = words.OPINIONS[rating]
    remarks = chance.sample(words.REMARKS, chance.randint(0, 2))
    sentences = [chance.choice(openings), *remarks, chance.choice(endings)]
    return " ".join(sentences).format(town=town(chance))


def town(chance: Chance, country: str | None = None) -> str:
    return chance.choice(words.PEOPLE[country or chance.choice(list(words.PEOPLE))][2])


def email(person: Person) -> str:
    plain = unicodedata.normalize("NFKD", person.name).encode("ascii", "ignore").decode().lower()
    return f"{plain.replace(' ', '.')}@example.{'com' if len(plain) % 2 else 'org'}"


def some_time(chance: Chance, days: int) -> datetime:
    return TODAY - timedelta(seconds=chance.randrange(days * 86_400))


if __name__ == "__main__":
    main()
