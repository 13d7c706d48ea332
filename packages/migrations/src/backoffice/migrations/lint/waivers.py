"""Findings that somebody has allowed, each with the reason: `# migrate: allow BM101 because ...`.

A waiver stands on a line of the call, or in the comment lines right above it. One before the first
line of code is about the whole file.
"""

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding, Where
from backoffice.migrations.lint.operations import DialectName, Reading
from backoffice.migrations.lint.unreached import not_come_to

_WAIVER = re.compile(
    r"#\s*migrate:\s*allow\s+(?P<ids>[A-Za-z]+\d+(?:\s*,\s*[A-Za-z]+\d+)*)"
    r"(?:\s+because\b[:\s]*(?P<reason>.*))?",
    re.IGNORECASE,
)
#: What is said of waivers, or of a file that cannot be read, cannot be waived.
_NEVER = ("BM911", "BM912")


@dataclass(frozen=True)
class Waiver:
    """One comment: which ids it allows, why, and on which lines."""

    line: int
    ids: tuple[str, ...]
    reason: str
    lines: range

    def covers(self, finding: Finding, lines: range) -> bool:
        """Whether it is about this finding, whose call stands on these lines."""
        near = self.lines.start < lines.stop and lines.start < self.lines.stop
        return finding.id in self.ids and near and finding.id not in _NEVER


def waivers(source: str) -> list[Waiver]:
    """The waivers of a file."""
    try:
        found = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    code = sorted({line for token in found if _is_code(token) for line in _lines(token)})
    first = min((token.start[0] for token in found if _begins(token)), default=0)
    return [
        waiver
        for token in found
        if token.type == tokenize.COMMENT and (waiver := _waiver(token, code, first))
    ]


def waived(
    reading: Reading, findings: Iterable[Finding], dialect: DialectName
) -> Iterator[Finding]:
    """The same findings, those that are allowed with the reason; and what is wrong with waivers.

    What is found on another kind of database only, or in a part that runs there only, may be
    allowed here too.
    """
    found, used = waivers(reading.source), set()
    for finding in findings:
        lines = _span(reading, finding.where)
        allowed = [each for each in found if each.covers(finding, lines)]
        used |= {(each.line, finding.id) for each in allowed}
        reason = next((each.reason for each in allowed if each.reason), None)
        yield replace(finding, waived=reason)
    for waiver in found:
        where = Where(reading.path, waiver.line, reading.revision)
        if not waiver.reason:
            yield RULES["BM912"].found(
                where, f"{', '.join(waiver.ids)} is allowed without a reason"
            )
        for each in waiver.ids:
            if each not in RULES:
                yield RULES["BM911"].found(where, f"there is no finding {each}")
            elif (waiver.line, each) not in used and not _elsewhere(waiver, each, reading, dialect):
                yield RULES["BM911"].found(where, f"{each} is allowed, but is not found here")


def _elsewhere(waiver: Waiver, id: str, reading: Reading, dialect: DialectName) -> bool:
    return RULES[id].dialect not in (None, dialect) or not_come_to(waiver.lines, reading)


def _waiver(token: tokenize.TokenInfo, code: Sequence[int], first: int) -> Waiver | None:
    match = _WAIVER.match(token.string)
    if match is None:
        return None
    ids = tuple(each.strip().upper() for each in match["ids"].split(","))
    line = token.start[0]
    alone = not token.line[: token.start[1]].strip()
    if alone and line < first:
        about = range(1, 1_000_000)
    elif alone:
        about = range(line, next((each for each in code if each > line), line) + 1)
    else:
        about = range(line, line + 1)
    return Waiver(line, ids, (match["reason"] or "").strip(), about)


def _span(reading: Reading, where: Where) -> range:
    """The lines of the call that a finding is about."""
    ends = [
        each.span.end_line
        for each in (*reading.upgrade, *reading.downgrade)
        if each.line == where.line
    ]
    return range(where.line, max(ends, default=where.line) + 1)


_NO_CODE = (
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENDMARKER, tokenize.ENCODING),
)


def _is_code(token: tokenize.TokenInfo) -> bool:
    return token.type not in _NO_CODE


def _begins(token: tokenize.TokenInfo) -> bool:
    """The first code of a file: its docstring does not count."""
    return _is_code(token) and token.type != tokenize.STRING


def _lines(token: tokenize.TokenInfo) -> range:
    return range(token.start[0], token.end[0] + 1)
