"""``extras/NAME.py``: its function ``template`` is called in a process of its own, for what it does there stays there.

It takes the settings of the environment, or nothing, and returns a Troposphere template or a mapping.  Nothing that it
prints reaches this process's output, and it has :data:`LIMIT_S` seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from hermes_cfn.config import Settings
from hermes_cfn.config.extras import ExtraFile
from hermes_cfn.errors import Finding, HermesError

LIMIT_S = 60
"""Seconds that a function may take."""

_RUN = """
import inspect, json, os, sys, traceback
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
def end(**told):
    answer.write(json.dumps(told))
    answer.flush()
    os._exit(0)
try:
    given = json.load(sys.stdin)
    from hermes_cfn.config import Settings
    settings = Settings.model_validate_json(given["settings"])
    path = given["path"]
    sys.path.insert(0, os.path.dirname(path))
    space = {"__name__": "hermes_extra", "__file__": path}
    exec(compile(given["text"], path, "exec"), space)
    function = space.get("template")
    if not callable(function):
        end(wrong="has no function called template", line=0)
    made = function(settings) if inspect.signature(function).parameters else function()
    made = made.to_dict() if hasattr(made, "to_dict") else made
    if not isinstance(made, dict):
        end(wrong="template returned " + type(made).__name__ + ", neither a Troposphere template nor a dict", line=0)
    end(template=json.loads(json.dumps(made)))
except BaseException as error:
    places = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else places[-1] if places else 0
    end(wrong=(type(error).__name__ + ": " + str(error))[:500], line=line or 0)
"""


def template_of(file: ExtraFile, settings: Settings) -> dict[str, Any]:
    """What the function returns, as JSON would carry it.  Raises HermesError ``extra-invalid``."""
    found = _called(file, settings.model_dump_json())
    if "template" in found:
        made: dict[str, Any] = json.loads(json.dumps(found["template"]))
        return made
    line = found.get("line", 0)
    raise HermesError(
        Finding(
            "extra-invalid",
            f"{file.path}:{line}" if line else file.path,
            found["wrong"],
            why="its function template(settings) is called to render the stack",
            next="let it return a Troposphere template or a dict, whatever the environment",
        )
    )


@lru_cache(maxsize=64)
def _called(file: ExtraFile, settings: str) -> dict[str, Any]:
    given = json.dumps({"path": str(Path(file.path).resolve()), "text": file.text, "settings": settings})
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RUN], input=given, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"wrong": f"its function came to no end within {LIMIT_S} s"}
    except ValueError:
        return {"wrong": f"its process ended without an answer, with status {done.returncode}"}
    return found
