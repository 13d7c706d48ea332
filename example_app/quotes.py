"""First lines of books that everybody may quote."""

import random
from typing import NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel

from backoffice.auth import public
from backoffice.core import NotFound
from backoffice.ratelimit import RateLimit

router = APIRouter(prefix="/api/quote", tags=["quotes"])


class Quote(NamedTuple):
    text: str
    book: str
    author: str


class Guess(BaseModel):
    text: str
    book: str


QUOTES = [
    Quote("Call me Ishmael.", "Moby-Dick", "Herman Melville"),
    Quote(
        "It is a truth universally acknowledged, that a single man in possession of a good "
        "fortune, must be in want of a wife.",
        "Pride and Prejudice",
        "Jane Austen",
    ),
    Quote("Marley was dead: to begin with.", "A Christmas Carol", "Charles Dickens"),
    Quote("There was no possibility of taking a walk that day.", "Jane Eyre", "Charlotte Brontë"),
    Quote(
        "No one would have believed in the last years of the nineteenth century that this "
        "world was being watched keenly and closely by intelligences greater than man's.",
        "The War of the Worlds",
        "H. G. Wells",
    ),
]


@router.get("", dependencies=[RateLimit("5/minute")])
@public
async def quote() -> dict[str, str]:
    return random.choice(QUOTES)._asdict()


@router.post("", dependencies=[RateLimit("5/hour", on="failures")])
@public
async def guess(guess: Guess) -> dict[str, str]:
    """Who wrote it, for who knows the book: five wrong guesses an hour, and any number of right."""
    for each in QUOTES:
        if (each.text, each.book) == (guess.text, guess.book):
            return each._asdict()
    raise NotFound("It is from another book.")
