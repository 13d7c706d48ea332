"""Runs many commands in one process that has no terminal, and tells what came of each.

stdin holds steps as JSON: `arguments`, what is `typed`, and the name to `save` the answer's id by,
which later arguments hold as `{name}`. stdout is what came of them, as JSON.
"""

import contextlib
import io
import json
import sys
from typing import Any

from backoffice.core.command import main


def run(step: dict[str, Any], saved: dict[str, str]) -> dict[str, Any]:
    arguments = [each.format(**saved) if "{" in each else each for each in step["arguments"]]
    sys.argv = ["backoffice", *arguments]
    sys.stdin = io.StringIO(step.get("typed", ""))
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    if "save" in step:
        saved[step["save"]] = json.loads(out.getvalue() or "{}").get("id", "nothing")
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    steps, saved = json.load(sys.stdin), dict[str, str]()
    json.dump([run(each, saved) for each in steps], sys.stdout)
