"""The settings of the admin: `BACKOFFICE_ADMIN__...`."""

from typing import Annotated

from pydantic import Field

from backoffice.core.settings import PackageSettings, Unit, configuration

Records = Annotated[int, Unit("records")]


class AdminSettings(PackageSettings):
    """How the admin looks, and how much it shows at once."""

    model_config = configuration("BACKOFFICE_ADMIN__")

    title: str = Field(default="Backoffice", min_length=1, max_length=60)
    """The name on every page."""

    page_size: Records = Field(default=25, ge=1, le=200)
    """Records on one page of a list."""

    export_limit: Records = Field(default=10_000, ge=1, le=1_000_000)
    """Records that one export may hold; it is made in memory."""

    form_limit: Annotated[int, Unit("bytes")] = Field(default=1_000_000, ge=10_000, le=100_000_000)
    """Bytes that one form may send."""
