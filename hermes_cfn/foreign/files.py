"""Files of other tools as documents.  Whatever a file holds, one finding tells what is wrong, and never a line of it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign.values import MADE

MOST_BYTES = 1 << 20
"""Of one file; what people write by hand is far smaller."""

MOST_DEPTH = 100


def unreadable(path: Path, what: str, instead: str = "") -> HermesError:
    """The one finding of a file that cannot be read as what it is."""
    return HermesError(
        Finding("from-unreadable", str(path), what, next=instead or "mend the file, or name another with --from"),
        exit_code=ExitCode.USAGE,
    )


def text(path: Path) -> str:
    """The file's text.  Raises HermesError ``from-unreadable``."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error.strerror or "cannot be read") from error
    if len(raw) > MOST_BYTES:
        raise unreadable(path, "is larger than 1 MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(path, "is not UTF-8 text") from error


class _Loader(yaml.SafeLoader):
    """YAML whose own tags (``!Ref`` and the like) are what they stand before."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth = getattr(self, "depth", 0) + 1
        if self.depth > MOST_DEPTH:
            raise yaml.MarkedYAMLError(problem="is nested too deep")
        try:
            return super().compose_node(parent, index)  # type: ignore[no-untyped-call]
        finally:
            self.depth -= 1


def _tagged(loader: Any, tag: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return loader.construct_mapping(node)


_Loader.add_multi_constructor("!", _tagged)  # type: ignore[no-untyped-call]
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def as_yaml(path: Path, said: str, more: str = "") -> Any:
    """The first document of YAML; ``more`` is told with what is wrong.  Raises HermesError ``from-unreadable``."""
    try:
        document = next(iter(yaml.load_all(said, Loader=_Loader)), None)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise unreadable(path, f"is not YAML{line}{f' ({more})' if more else ''}") from error
    except (ValueError, TypeError, RecursionError, AttributeError, OverflowError) as error:
        raise unreadable(path, "is not YAML that means something") from error
    if _size(document, {}) > MOST_VALUES:
        raise unreadable(path, "its anchors refer to themselves, or stand for too much")
    return document


MOST_VALUES = 50_000
"""Of a document with every alias written out."""


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values there are with every alias written out; one inside itself counts as more than may be."""
    if not isinstance(value, Mapping | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_VALUES + 1
        inside = value.values() if isinstance(value, Mapping) else value
        known[id(value)] = 1 + sum(_size(one, known) for one in inside)
    return known[id(value)]


def as_json(path: Path, said: str) -> Any:
    """JSON.  Raises HermesError ``from-unreadable``."""
    try:
        return json.loads(said)
    except json.JSONDecodeError as error:
        raise unreadable(path, f"is not JSON in line {error.lineno}") from error
    except (ValueError, RecursionError) as error:
        raise unreadable(path, "is not JSON that means something") from error


def as_toml(path: Path, said: str) -> dict[str, Any]:
    """TOML.  Raises HermesError ``from-unreadable``."""
    try:
        return tomllib.loads(said)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise unreadable(path, f"is not TOML{f' in line {found[1]}' if found else ''}") from error
    except (ValueError, RecursionError) as error:
        raise unreadable(path, "is not TOML that means something") from error


_ERB = re.compile(r"<%(?P<sign>[=#-]?).*?%>", re.DOTALL)


def without_erb(said: str) -> tuple[str, int]:
    """The text with a mark where ERB would write something, and how many there were; nothing is evaluated."""
    found = 0

    def mark(match: re.Match[str]) -> str:
        nonlocal found
        found += 1
        return MADE if match["sign"] == "=" else ""

    clean = _ERB.sub(mark, said)
    return clean, found


def mapping(path: Path, document: Any) -> Mapping[Any, Any]:
    """The document, if it is a mapping.  Raises HermesError ``from-unreadable``."""
    if not isinstance(document, Mapping):
        raise unreadable(path, "holds no keys with values")
    return document
