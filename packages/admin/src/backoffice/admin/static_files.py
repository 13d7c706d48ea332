"""The styles, scripts and icons of the pages, as browsers fetch them."""

import hashlib
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HERE = Path(__file__).parent
#: For how long a browser may keep what has an address of its own for each version.
KEPT = "public, max-age=3600"


def files_revision() -> str:
    """Changes with the files of styles and scripts, so that browsers fetch them anew."""
    files = sorted((HERE / "static").glob("*.*s"))
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:12]


class Static(StaticFiles):
    """Files that a browser may keep for a while."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The answer that holds one."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = KEPT
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The same, or 404."""
        try:
            return await super().get_response(path, scope)
        except ValueError:
            # A path with a NUL, or with a name too long for the file system.
            raise HTTPException(404) from None
