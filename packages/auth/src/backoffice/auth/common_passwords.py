"""The passwords that are tried first, everywhere."""

import gzip
from functools import cache
from importlib.resources import files

#: About 20,000, in small letters, the most common first, from Django; NOTICE has its licence.
LIST = "common_passwords.txt.gz"
#: What is shorter does not make common what it is repeated in, or what has spaces around it.
SHORTEST = 4


def is_common(password: str) -> bool:
    """Whether it is one of the list, whatever the case, or one of the list repeated.

    Takes 20 microseconds: one text of 160 kB is searched, for a set would take ten times as much
    memory.
    """
    plain = password.casefold().strip()
    return any(
        len(each) >= SHORTEST and f"\n{each}\n" in _words() for each in {plain, _repeated(plain)}
    )


def _repeated(text: str) -> str:
    """The shortest piece of which the text is a repetition; all of it if of none."""
    return text[: (text + text).find(text, 1)]


@cache
def _words() -> str:
    packed = files("backoffice.auth").joinpath(LIST).read_bytes()
    return f"\n{gzip.decompress(packed).decode().strip()}\n"
