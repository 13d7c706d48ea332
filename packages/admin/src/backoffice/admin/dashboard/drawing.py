"""Charts as SVG: shapes with classes, for a page of ours holds no style and runs no script."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil, log10

from markupsafe import Markup

Figure = int | float
Told = Callable[[Figure], str]

#: As wide as on a phone, where its letters are as large as they are drawn.
WIDTH = 360
HEIGHT, TOP, BOTTOM, SIDE = 150, 8, 20, 44
ROW, LETTERS = 34, 34
_COLOURS = ("one", "two", "three", "four")
_STEPS = (1, 2, 2.5, 5, 10)

_SVG = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
    "{parts}</svg>"
)
_BAR = Markup(
    '<rect class="bar {colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
    "<title>{told}</title></rect>"
)
_RULE = Markup('<line class="rule" x1="0" x2="{end}" y1="{y:.1f}" y2="{y:.1f}"/>')
_TEXT = Markup('<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>')


def columns(
    label: str,
    names: Sequence[str],
    series: Sequence[str],
    figures: Sequence[Sequence[Figure]],
    told: Told,
) -> Markup:
    """Columns side by side, the series of each on top of each other."""
    # A database sums and averages exact numbers to exact ones.
    top = _above(max(sum(map(float, each)) for each in zip(*figures, strict=True)))
    parts = [*_scale(top, told), *_below(names)]
    step = (WIDTH - SIDE) / len(names)
    for at, name in enumerate(names):
        y = float(HEIGHT - BOTTOM)
        for of, each, colour in zip(series, figures, _COLOURS, strict=False):
            height = float(each[at]) / top * (HEIGHT - TOP - BOTTOM)
            y -= height
            if height > 0:
                parts.append(
                    _BAR.format(
                        colour=colour,
                        x=at * step + step * 0.1,
                        y=y,
                        width=step * 0.8,
                        height=height,
                        told=f"{name}, {of}: {told(each[at])}",
                    )
                )
    return _svg(label, HEIGHT, parts)


def bars(
    label: str,
    names: Sequence[str],
    series: Sequence[str],
    figures: Sequence[Sequence[Figure]],
    told: Told,
) -> Markup:
    """Bars below each other, each under its name and figure; of the first series alone."""
    most = max(figures[0]) or 1
    parts: list[Markup] = []
    for at, (name, figure) in enumerate(zip(names, figures[0], strict=True)):
        y = at * ROW
        short = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
        parts += (
            _TEXT.format(x=0, y=y + 13, anchor="start", text=short),
            _TEXT.format(x=WIDTH, y=y + 13, anchor="end", text=told(figure)),
            _BAR.format(
                colour=_COLOURS[0],
                x=0,
                y=y + 18,
                width=max(figure / most * WIDTH, 1),
                height=8,
                told=f"{name}, {series[0]}: {told(figure)}",
            ),
        )
    return _svg(label, len(names) * ROW, parts)


def _svg(label: str, height: int, parts: Sequence[Markup]) -> Markup:
    joined = Markup("").join(parts)
    return _SVG.format(width=WIDTH, height=height, label=label, parts=joined)


def _scale(top: Figure, told: Told) -> Iterator[Markup]:
    """Rules at nothing, the half and the whole."""
    for part in (0.0, 0.5, 1.0):
        y = TOP + (1 - part) * (HEIGHT - TOP - BOTTOM)
        figure = top * part
        text = told(int(figure) if float(figure).is_integer() else figure)
        yield _RULE.format(end=WIDTH - SIDE, y=y)
        yield _TEXT.format(x=WIDTH, y=y + 4, anchor="end", text=text)


def _below(names: Sequence[str]) -> Iterator[Markup]:
    """The first name and the last."""
    y, end = HEIGHT - 5, WIDTH - SIDE
    yield _TEXT.format(x=0, y=y, anchor="start", text=names[0])
    if len(names) > 1:
        yield _TEXT.format(x=end, y=y, anchor="end", text=names[-1])


def _above(most: float) -> int:
    """The next round figure: it is even, so that the half of it is whole."""
    if most <= 2:
        return 2
    power = 10 ** (ceil(log10(most)) - 1)
    # Of very large figures the logarithm is not exact enough.
    found = ceil(next((each * power for each in _STEPS if each * power >= most), most))
    return found + found % 2
