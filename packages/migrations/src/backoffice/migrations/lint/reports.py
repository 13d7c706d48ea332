"""Findings for a person, for a program, and for the code scanning of a forge (SARIF 2.1.0)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import LEVELS, Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def shown(path: Path, folder: Path) -> str:
    """The path from that folder, with slashes; whole where it lies elsewhere."""
    absolute = path.absolute()
    inside = absolute.is_relative_to(folder)
    return (absolute.relative_to(folder) if inside else absolute).as_posix()


def as_text(findings: Sequence[Finding], folder: Path) -> str:
    """A paragraph for each finding that is not waived: where, what happens, why, the way out."""
    told = [each for each in findings if each.waived is None]
    return "\n".join(line for each in told for line in _told(each, folder))


def summary(findings: Sequence[Finding], revisions: int) -> str:
    """How much was found, in one line."""
    levels = Counter(each.level for each in findings if each.waived is None)
    told = ", ".join(_plural(levels[each], each) for each in reversed(LEVELS) if levels[each])
    waived = sum(each.waived is not None for each in findings)
    allowed = f", {waived} allowed" if waived else ""
    return f"{_plural(revisions, 'revision')}: {told or 'nothing to say'}{allowed}"


def as_rows(findings: Iterable[Finding], folder: Path) -> list[dict[str, Any]]:
    """Each finding as a row, waived ones too."""
    return [
        {**asdict(each), "where": {**asdict(each.where), "file": shown(each.where.file, folder)}}
        for each in findings
    ]


def as_sarif(findings: Sequence[Finding], folder: Path) -> dict[str, Any]:
    """One run of SARIF 2.1.0; a waiver is a suppression in the source."""
    ids = list(RULES)
    driver = {
        "name": "backoffice migrate lint",
        "semanticVersion": version("fastapi-backoffice-migrations"),
        "rules": [_rule(each) for each in ids],
    }
    results = [_result(each, ids.index(each.id), folder) for each in findings]
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _uri(path: Path, folder: Path) -> str:
    """The path as SARIF has it (3.4.3): relative to the folder, or a file's URI (RFC 8089)."""
    told = shown(path, folder)
    return Path(told).as_uri() if Path(told).is_absolute() else quote(told)


def _told(finding: Finding, folder: Path) -> Iterable[str]:
    where = finding.where
    fix = " (--fix)" if finding.fixable else ""
    place = f"{shown(where.file, folder)}:{where.line}"
    yield f"{place}: {finding.id} {finding.level}: {finding.message}"
    yield f"    why: {finding.why}"
    yield f"    do:  {finding.safe}{fix}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _rule(id: str) -> dict[str, Any]:
    rule = RULES[id]
    return {
        "id": id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.safe},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(finding: Finding, index: int, folder: Path) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": _uri(finding.where.file, folder)},
        "region": {"startLine": max(1, finding.where.line)},
    }
    suppressions = [{"kind": "inSource", "justification": finding.waived}] if finding.waived else []
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": finding.level,
        "message": {"text": f"{finding.message}. {finding.why} {finding.safe}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"revision/id": f"{finding.where.revision}/{finding.id}"},
        "suppressions": suppressions,
    }
