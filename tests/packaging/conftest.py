import shutil
import sys
from pathlib import Path

import pytest

from tests.packaging.environments import Installer


@pytest.fixture(scope="session")
def installer(tmp_path_factory: pytest.TempPathFactory) -> Installer:
    """Wheels of all distributions of this tree, ready to be installed."""
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    assert uv, "These tests need uv. Run `make venv`, or pip install uv."
    return Installer(uv, tmp_path_factory.mktemp("wheels"))
