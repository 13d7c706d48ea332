"""A condition says the same in Python, in a list of the database, and by its plain meaning."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlmodel import Session, col, select

from backoffice.auth.evaluation import Unanswerable, truth
from backoffice.core.database import SYNC_DRIVERS, parsed, with_driver
from tests.auth.policies.papers import (
    Condition,
    Paper,
    Papers,
    condition,
    every_leaf,
    papers,
    plain,
    shelves,
    sql,
)

SEED = 20261121
CONDITIONS = 300
#: What only the database can tell of prices and rooms, and nothing else.
MOSTLY = 0.4


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(with_driver(parsed(database_url), SYNC_DRIVERS))
    Papers.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        session.add_all(shelves())
        session.flush()
        session.add_all(papers(random.Random(SEED), 60))
        session.commit()
        yield session


def disagreements(session: Session, conditions: list[Condition]) -> tuple[list[str], int]:
    """What is answered otherwise than it means, and how often Python could tell."""
    every = session.exec(select(Paper).order_by(col(Paper.id))).all()
    found: list[str] = []
    told = 0
    for each in conditions:
        clause = sql(each)
        listed = set(session.exec(select(Paper.id).where(clause)).all())
        for paper in every:
            meant = plain(each, paper) is True
            if meant != (paper.id in listed):
                found.append(f"the list, of {each} and {paper!r}")
            try:
                answer = truth(clause, paper)
            except Unanswerable:
                continue
            told += 1
            if answer is not plain(each, paper):
                found.append(f"Python, of {each} and {paper!r}: {answer}")
    return found, told


def test_random_conditions_say_the_same_everywhere(session: Session) -> None:
    """300 conditions and 60 papers: 18,000 answers, of which Python tells most."""
    chance = random.Random(SEED)
    found, told = disagreements(session, [condition(chance) for _ in range(CONDITIONS)])
    assert found == []
    assert told > MOSTLY * CONDITIONS * 60


def test_each_comparison_with_each_value_says_the_same_everywhere(session: Session) -> None:
    """NULL among the values, and NOT around them."""
    found, told = disagreements(session, list(every_leaf()))
    assert found == []
    assert told > 0


def test_an_operator_of_ones_own_is_left_to_the_database(session: Session) -> None:
    """Which may find two NULLs equal by it."""
    clause = col(Paper.level).bool_op("IS NOT DISTINCT FROM")(None)
    assert session.exec(select(Paper.id).where(clause)).all()
    with pytest.raises(Unanswerable):
        truth(clause, Paper(level=None))
