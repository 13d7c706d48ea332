"""Settings: one place, typed, read from `BACKOFFICE_...` and checked before the app starts."""

from backoffice.core.settings.fields import Seconds, Span, Unit, Url
from backoffice.core.settings.loading import load
from backoffice.core.settings.package import PackageSettings, configuration
from backoffice.core.settings.shared import SECRET_BYTES, Settings, settings

__all__ = [
    "SECRET_BYTES",
    "PackageSettings",
    "Seconds",
    "Settings",
    "Span",
    "Unit",
    "Url",
    "configuration",
    "load",
    "settings",
]
