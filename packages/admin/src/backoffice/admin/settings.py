"""The settings of the admin: `BACKOFFICE_ADMIN__...`."""

from pydantic import Field
from pydantic_settings import BaseSettings

from backoffice.core.settings import configuration


class AdminSettings(BaseSettings):
    """How the admin looks, and how much it shows at once."""

    model_config = configuration("BACKOFFICE_ADMIN__")

    #: The name on every page.
    title: str = Field(default="Backoffice", min_length=1, max_length=60)
    #: Records on one page of a list.
    page_size: int = Field(default=25, ge=1, le=200)
    #: Records that one export may hold; it is made in memory.
    export_limit: int = Field(default=10_000, ge=1, le=1_000_000)
    #: Bytes that one form may send.
    form_limit: int = Field(default=1_000_000, ge=10_000, le=100_000_000)
