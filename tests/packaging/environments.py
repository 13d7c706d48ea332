"""Environments that hold nothing but what a test installed."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Environment(NamedTuple):
    """A virtual environment that holds nothing but what a test installed."""

    directory: Path

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment, away from this source tree; give what it printed."""
        done = subprocess.run(
            [self.directory / "bin" / program, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


class Installer:
    """Builds wheels of this tree and installs them with what the lock file names beside them."""

    def __init__(self, uv: str, wheels: Path) -> None:
        self._uv = uv
        self.call("build", "--all-packages", "--wheel", "--out-dir", str(wheels))
        self.wheels = {path.name.split("-")[0]: path for path in wheels.glob("*.whl")}
        exported = wheels / "exported.txt"
        options = ["--all-packages", "--all-extras", "--no-emit-workspace", "--no-hashes"]
        self.call("export", "--locked", *options, "--output-file", str(exported))
        self._locked = exported.read_text().splitlines()

    def call(self, *arguments: str) -> None:
        """Run uv; what it says is part of the failure."""
        done = subprocess.run(
            [self._uv, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def environment(
        self, directory: Path, distributions: Sequence[str], *, instead: Sequence[str] = ()
    ) -> Environment:
        """Make an environment with these distributions of the tree, extras in brackets.

        `instead` names requirements that win over the lock file.
        """
        self.call("venv", "--python", sys.executable, str(directory))
        replaced = tuple(f"{requirement.split('<')[0]}==" for requirement in instead)
        constraints = directory / "constraints.txt"
        kept = [line for line in self._locked if not line.startswith(replaced or "\0")]
        constraints.write_text("\n".join(kept))
        self.call(
            *("pip", "install", "--python", str(directory), "--constraint", str(constraints)),
            *map(self._wheel, distributions),
            *instead,
        )
        return Environment(directory)

    def _wheel(self, distribution: str) -> str:
        name, bracket, extras = distribution.partition("[")
        return f"{self.wheels[name]}{bracket}{extras}"
