"""A history is drawn with its branches and merges."""

from backoffice.migrations.graph import Node, mermaid, text


def node(identity: str, *down: str, state: str = "applied", head: bool = False) -> Node:
    return Node("app", identity, down, f"Step {identity}", state, head)  # type: ignore[arg-type]


MERGED = [
    node("e", "d", "c", state="pending", head=True),
    node("d", "b", state="current"),
    node("c", "b", state="current"),
    node("b", "a"),
    node("a"),
]


def test_a_line_is_a_column() -> None:
    drawn = list(text([node("b", "a", state="current", head=True), node("a")]))
    assert drawn == ["@  b Step b (current, head)", "o  a Step a"]


def test_a_merge_opens_a_column_and_a_branch_closes_it() -> None:
    assert list(text(MERGED)) == [
        ".  e Step e (pending, head)",
        "| \\",
        "@ |  d Step d (current)",
        "| @  c Step c (current)",
        "| /",
        "o  b Step b",
        "o  a Step a",
    ]


def test_two_heads_have_a_column_each() -> None:
    drawn = list(text([node("c", "a", head=True), node("b", "a", head=True), node("a")]))
    assert drawn == ["o  c Step c (head)", "| o  b Step b (head)", "| /", "o  a Step a"]


def test_mermaid_gets_each_revision_and_each_arrow() -> None:
    drawn = list(mermaid(MERGED))
    assert drawn[0] == "flowchart TB"
    assert '    r4["e<br>Step e"]:::pending' in drawn
    assert [line for line in drawn if "-->" in line] == [
        "  r0 --> r1",
        "  r1 --> r2",
        "  r1 --> r3",
        "  r3 --> r4",
        "  r2 --> r4",
    ]


def test_what_would_end_a_label_of_mermaid_is_written_otherwise() -> None:
    drawn = "\n".join(mermaid([Node("app", "a", (), 'the "best" <b>&', "applied")]))
    assert "the #quot;best#quot; #lt;b#gt;#amp;" in drawn
