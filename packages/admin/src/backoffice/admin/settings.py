"""The settings of the admin: `BACKOFFICE_ADMIN__...`."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from backoffice.core.settings import PackageSettings, Span, Unit, configuration

Records = Annotated[int, Unit("records")]


class AdminSettings(PackageSettings):
    """How the admin looks, and how much it shows at once."""

    model_config = configuration("BACKOFFICE_ADMIN__")

    title: str = Field(default="Backoffice", min_length=1, max_length=60)
    """The name on every page."""

    page_size: Records = Field(default=25, ge=1, le=200)
    """Records on one page of a list."""

    count_limit: Records = Field(default=10_000, ge=1, le=1_000_000)
    """Records that a list counts one by one; of more it tells an estimate."""

    export_limit: Records | None = Field(default=None, ge=1)
    """Records that one export may hold; unset for as many as there are."""

    import_limit: Annotated[int, Unit("bytes")] = Field(
        default=10_000_000, ge=10_000, le=100_000_000
    )
    """Bytes of a file that records are imported from."""

    confirm_after: Span = Field(
        default=timedelta(minutes=15), gt=timedelta(0), le=timedelta(days=7)
    )
    """How long after signing in, or after confirming the password, it is not asked for again before
    something dangerous."""

    form_limit: Annotated[int, Unit("bytes")] = Field(default=1_000_000, ge=10_000, le=100_000_000)
    """Bytes that one form may send."""

    accent: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    """The colour of links and buttons, such as #5b3a8c; that of the theme if unset."""

    accent_dark: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    """The same where the browser asks for dark colours."""
