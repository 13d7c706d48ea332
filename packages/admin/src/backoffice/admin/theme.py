"""The theme: the colours and measures of the pages, as variables of CSS."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from backoffice.admin.settings import AdminSettings
from backoffice.core import SetupError

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
#: What no variable of a style needs: it would end it, or load something.
_UNFIT = re.compile(r"[;{}<>@\\]|/\*|url\(|image-set\(|expression\(", re.IGNORECASE)
#: WCAG 2.2, 1.4.3: of text, and links are text.
_CONTRAST = 4.5
_SHEETS = {"light": "#ffffff", "dark": "#1b2220"}


@dataclass(frozen=True)
class Palette:
    """Colours as CSS writes them; those that are empty stay as they are. `accent` takes #rrggbb."""

    accent: str = ""
    ground: str = ""
    sheet: str = ""
    ink: str = ""
    soft: str = ""
    line: str = ""
    hover: str = ""
    danger: str = ""
    focus: str = ""

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(f"Palette.{each.name}", getattr(self, each.name))
        if self.accent and not _COLOUR.fullmatch(self.accent):
            raise SetupError(f"Palette.accent takes a colour such as #2a6a5d, not {self.accent!r}")


@dataclass(frozen=True)
class Theme:
    """How the pages look; for `Admin(theme=Theme(light=Palette(accent="#5b3a8c")))`.

    SetupError for an accent that links could not be read in.
    """

    light: Palette = field(default_factory=Palette)
    dark: Palette = field(default_factory=Palette)
    #: Of corners, such as `4px`.
    radius: str = ""
    #: Families of fonts, such as `"Inter", sans-serif`; the browser's own, for none is loaded.
    font: str = ""
    mono: str = ""

    def __post_init__(self) -> None:
        for name in ("radius", "font", "mono"):
            _check(f"Theme.{name}", getattr(self, name))
        _check_contrast("light", self.light.accent, self.light.sheet)
        _check_contrast("dark", self.dark.accent, self.dark.sheet)


def style(theme: Theme, settings: AdminSettings) -> str:
    """The theme as CSS; what the settings say comes first."""
    measures = _given({"radius": theme.radius, "font": theme.font, "mono": theme.mono})
    light = _variables(theme.light, settings.accent)
    dark = _variables(theme.dark, settings.accent_dark)
    return _block(":root", measures) + _scheme("light", light) + _scheme("dark", dark)


def _scheme(scheme: str, variables: Mapping[str, str]) -> str:
    """For those whose system asks for it, and chose nothing; and for those who chose it."""
    if not variables:
        return ""
    asked = _block(":root:not([data-look])", variables)
    chosen = _block(f':root[data-look="{scheme}"]', variables)
    return f"@media (prefers-color-scheme: {scheme}) {{\n{asked}}}\n{chosen}"


def revision(theme: Theme, settings: AdminSettings) -> str:
    """Changes with the theme, so that browsers fetch it anew."""
    return hashlib.sha256(style(theme, settings).encode()).hexdigest()[:12]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21, as WCAG reckons it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _variables(palette: Palette, accent: str | None) -> dict[str, str]:
    found = _given({each.name: getattr(palette, each.name) for each in fields(palette)})
    if accent:
        found["accent"] = accent
    if "accent" in found:
        inks = ("#ffffff", "#10201c")
        found["accent-ink"] = max(inks, key=lambda ink: contrast(ink, found["accent"]))
        found["accent-soft"] = "color-mix(in srgb, var(--accent) 14%, var(--sheet))"
    return found


def _given(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _block(selector: str, variables: Mapping[str, str]) -> str:
    lines = "".join(f"  --{name}: {value};\n" for name, value in variables.items())
    return f"{selector} {{\n{lines}}}\n" if lines else ""


def _check(name: str, value: str) -> None:
    if _UNFIT.search(value):
        raise SetupError(f"{name}: {value!r} is not the value of one variable of CSS")


def _check_contrast(scheme: str, accent: str, sheet: str) -> None:
    behind = sheet if _COLOUR.fullmatch(sheet) else _SHEETS[scheme]
    if accent and (found := contrast(accent, behind)) < _CONTRAST:
        raise SetupError(
            f"links in {accent} could not be read on {behind}: the contrast is {found:.1f}, and "
            f"{_CONTRAST} is needed; take a {'darker' if scheme == 'light' else 'lighter'} accent"
        )


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
