"""How easily a secret can be guessed, however long it is."""

import math
import re
from collections import Counter
from itertools import pairwise

#: Bits below which a secret is weak (NIST SP 800-131A asks for 112 at least).
ENOUGH = 128
#: What one word of a list of 7,776 is worth.
BITS_OF_A_WORD = math.log2(7776)

#: In tutorials and templates, and so in the lists of whoever guesses.
EXAMPLES = (
    # FastAPI's tutorial on JWT.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "changeme",
    "changethis",
    "change-me",
    "change-this",
    "example",
    "insecure",
    "mysecret",
    "my-secret",
    "notsecret",
    "not-secret",
    "password",
    "placeholder",
    "replace-me",
    "secret-key",
    "secretkey",
    "supersecret",
    "super-secret",
    "your-secret",
    "yoursecret",
)
_BETWEEN_WORDS = re.compile(r"[\s_.,;:/+-]+")
_WORD = re.compile(r"[A-Za-z]{1,12}")


def weakness(secret: str) -> str | None:
    """Why whoever guesses would find it: an example, a pattern; None where it is neither."""
    plain = secret.lower().replace("_", "-")
    if any(each in plain for each in EXAMPLES):
        return "is made from an example that stands in tutorials"
    if period(secret) <= len(secret) // 2:
        return f"repeats itself after {period(secret)} characters"
    if _runs(secret) > len(secret) // 2:
        return "is a sequence of neighbours, as abcd or 1234"
    return None


def bits(secret: str) -> float:
    """What there is to guess, at the most: of its words, or of how often each character comes."""
    words = _BETWEEN_WORDS.split(secret.strip())
    if len(words) > 2 and all(map(_WORD.fullmatch, words)):
        return len(set(words)) * BITS_OF_A_WORD
    counts, length = Counter(secret).values(), len(secret)
    return -sum(count * math.log2(count / length) for count in counts)


def period(text: str) -> int:
    """After how many characters it begins again; its length where it does not."""
    steps = range(1, len(text))
    return next((step for step in steps if text[step:] == text[:-step]), len(text))


def _runs(text: str) -> int:
    """How many characters are the neighbour of the one before, in the same direction as that."""
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    return sum(a == b and abs(a) == 1 for a, b in pairwise(steps))
