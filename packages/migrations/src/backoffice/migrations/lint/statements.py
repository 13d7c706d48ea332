"""SQL taken apart: into statements, and these into words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "name", "string", "number", "sign"]

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$)
  | (?P<string>[eEnNbBxX]?'(?:[^']|'')*'|[uU]&'(?:[^']|'')*')
  | (?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_][^\]]*\](?=\s*\())
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<sign>::|:=|<=|>=|<>|!=|\|\||->>|->|[^\s])
    """,
    re.VERBOSE,
)
# A backslash escapes a quote in E'...' alone.
_ESCAPED = re.compile(r"[eE]'(?:[^'\\]|\\.|'')*'", re.DOTALL)


@dataclass(frozen=True)
class Token:
    """A piece of a statement: `text` in lower case for a word, unquoted for a name or string."""

    kind: Kind
    text: str
    start: int
    end: int


def split(sql: str) -> list[str]:
    """The statements of a text, without the semicolons, and without those that say nothing."""
    found, begin, depth = [], 0, 0
    any_word = False
    for token in tokens(sql):
        if token.kind == "sign" and token.text == ";" and depth == 0:
            if any_word:
                found.append(sql[begin : token.start].strip())
            begin, any_word = token.end, False
            continue
        any_word = True
        if token.kind == "sign":
            depth = max(0, depth + (token.text == "(") - (token.text == ")"))
    if any_word:
        found.append(sql[begin:].strip())
    return found


def tokens(sql: str) -> Iterator[Token]:
    """The words, names, strings, numbers and signs of a text; comments are left out."""
    at = 0
    while at < len(sql):
        escaped = _ESCAPED.match(sql, at)
        if escaped:
            yield Token("string", escaped.group()[2:-1], at, escaped.end())
            at = escaped.end()
            continue
        match = _TOKEN.match(sql, at)
        if match is None:  # an open quote, which the database would refuse
            yield Token("sign", sql[at], at, at + 1)
            at += 1
            continue
        kind, text, end = match.lastgroup, match.group(), match.end()
        if kind == "comment":
            at = _comment_end(sql, at)
            continue
        if kind == "dollar":
            end = _dollar_end(sql, at, text)
            yield Token("string", sql[match.end() : end - len(text)], at, end)
        elif kind == "string":
            yield Token("string", text[text.index("'") + 1 : -1].replace("''", "'"), at, end)
        elif kind == "name":
            yield Token("name", text[1:-1].replace('""', '"'), at, end)
        elif kind == "word":
            yield Token("word", text.lower(), at, end)
        elif kind == "number":
            yield Token("number", text, at, end)
        elif kind == "sign":
            yield Token("sign", text, at, end)
        at = end


def _comment_end(sql: str, at: int) -> int:
    """Where a comment ends; PostgreSQL's may stand in one another."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(sql, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)


def _dollar_end(sql: str, at: int, mark: str) -> int:
    close = sql.find(mark, at + len(mark))
    return len(sql) if close < 0 else close + len(mark)


class Words:
    """A way through the tokens of a statement."""

    def __init__(self, sql: str, found: Sequence[Token] | None = None) -> None:
        self.sql = sql
        self._tokens = list(tokens(sql)) if found is None else list(found)
        self._at = 0

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._tokens)

    def peek(self, *words: str) -> bool:
        """Whether these words come next."""
        return self._stand_at(self._at, words)

    def _stand_at(self, at: int, words: Sequence[str]) -> bool:
        coming = self._tokens[at : at + len(words)]
        return len(coming) == len(words) and all(
            token.kind in ("word", "sign") and token.text == word
            for token, word in zip(coming, words, strict=True)
        )

    def take(self, *words: str) -> bool:
        """Go past these words, where they come next."""
        if self.peek(*words):
            self._at += len(words)
            return True
        return False

    def any(self, *words: str) -> str:
        """Go past one of these words, and give it; "" where none comes next."""
        return next((word for word in words if self.take(word)), "")

    def skip(self) -> Token | None:
        """Go past one token."""
        if self.over:
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def name(self) -> str:
        """A name, with its schema before it unless that is the usual one."""
        parts = []
        while not self.over and self._tokens[self._at].kind in ("word", "name", "string"):
            parts.append(self._tokens[self._at].text)
            self._at += 1
            if not self.take("."):
                break
        if len(parts) > 1 and parts[-2] in ("public", "main"):
            parts = parts[-1:]
        return ".".join(parts[-2:])

    def group(self) -> "Words":
        """What stands in the parentheses that come next; nothing where none do."""
        if not self.take("("):
            return Words(self.sql, ())
        begin, depth = self._at, 1
        while not self.over and depth:
            token = self._tokens[self._at]
            if token.kind == "sign":
                depth += (token.text == "(") - (token.text == ")")
            self._at += 1
        return Words(self.sql, self._tokens[begin : self._at - (depth == 0)])

    def parts(self) -> "list[Words]":
        """What is left, cut at the commas outside of parentheses."""
        found: list[list[Token]] = [[]]
        depth = 0
        for token in self._tokens[self._at :]:
            if token.kind == "sign":
                depth += (token.text in "([") - (token.text in ")]")
                if token.text == "," and depth == 0:
                    found.append([])
                    continue
            found[-1].append(token)
        self._at = len(self._tokens)
        return [Words(self.sql, each) for each in found if each]

    def rest(self) -> list[Token]:
        """The tokens that are left."""
        return self._tokens[self._at :]

    def has(self, *words: str) -> bool:
        """Whether these words come anywhere in what is left, outside of parentheses."""
        depth = 0
        for index, token in enumerate(self._tokens[self._at :], self._at):
            if token.kind == "sign":
                depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and self._stand_at(index, words):
                return True
        return False

    def text(self) -> str:
        """What is left, as it was written."""
        left = self.rest()
        return self.sql[left[0].start : left[-1].end] if left else ""
