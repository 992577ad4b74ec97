"""Values as other tools write them: durations, sizes, commands, names.  Each raises :class:`Unfit` for what it is not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

Convert = Callable[[Any], Any]

MADE = "made-elsewhere-\N{REPLACEMENT CHARACTER}"
"""What stands in a text where a program would have written a value: ERB, or a variable that is not set here."""

_PARTS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "": 1}
_SIZES = {"": 1, "b": 1 / 2**20, "k": 1 / 1024, "kb": 1 / 1024, "m": 1, "mb": 1, "mib": 1}
_SIZES |= {"g": 1024, "gb": 1024, "gib": 1024}


class Unfit(Exception):
    """Why a value is not taken; never the value."""


def text(value: Any) -> str:
    """A single line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise Unfit("is no single value")
    return value.strip()


def whole(value: Any) -> int:
    """A whole number, also as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return int(value)
    raise Unfit("is no whole number")


def port(value: Any) -> int:
    """A port, or the container's side of ``HOST:CONTAINER/tcp``."""
    if isinstance(value, str):
        value = value.rpartition("/")[0] or value
        value = value.rpartition(":")[2]
        if "-" in value:
            raise Unfit("is a range of ports")
    return whole(value)


def seconds(value: Any) -> int:
    """Seconds: a number, or like ``30s``, ``1m30s``, ``500ms`` (one second at least)."""
    if isinstance(value, str):
        found = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s|)", value.strip())
        if not found or "".join(number + unit for number, unit in found) != value.strip() or len(value) > 20:
            raise Unfit("is no duration")
        return max(1, round(sum(float(number) * _PARTS[unit] for number, unit in found)))
    return whole(value)


def mib(value: Any) -> int:
    """MiB: a number of them, or like ``512m``, ``1 GB``, ``2GiB``."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-zA-Z]*)", value.strip())
        if not found or found[2].lower() not in _SIZES:
            raise Unfit("is no size of memory")
        return max(1, round(float(found[1]) * _SIZES[found[2].lower()]))
    return whole(value)


def switch(value: Any) -> bool:
    """True or false, also as text."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, bool):
        return value
    raise Unfit("is neither true nor false")


def words(value: Any) -> tuple[str, ...]:
    """A command as its words; one that needs a shell is given to ``sh -c``."""
    if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    said = text(value)
    if not said:
        raise Unfit("is empty")
    if re.search(r"[|&;<>$`\n(){}*?]", said) or re.match(r"[A-Za-z_][A-Za-z0-9_]*=", said):
        return ("sh", "-c", said)
    try:
        return tuple(shlex.split(said))
    except ValueError as error:
        raise Unfit("has a quotation mark without its pair") from error


def name(value: Any) -> str:
    """A name of two to twenty lower case letters, digits and dashes, made of another one."""
    made = re.sub(r"[^a-z0-9]+", "-", text(value).lower()).strip("-")
    made = re.sub(r"^[^a-z]+", "", made)[:20].rstrip("-")
    if len(made) < 2:
        raise Unfit("gives no name of two to twenty lower case letters, digits and dashes")
    return made


def domain(value: Any) -> str:
    """A host name, in lower case, without scheme, port and path."""
    said = re.sub(r"^[a-z]+://", "", text(value).lower()).split("/")[0].split(":")[0]
    return said.removeprefix("*.")


def architecture(value: Any) -> str:
    """``arm64`` or ``x86_64``, of the words that docker, AWS and Go have for them."""
    said = text(value).lower().rpartition("/")[2] if "/v8" not in str(value).lower() else "arm64"
    if said in ("arm64", "aarch64"):
        return "arm64"
    if said in ("amd64", "x86_64", "x86-64"):
        return "x86_64"
    raise Unfit("is an architecture that AWS has no instances of")


def path(value: Any) -> str:
    """The path of a URL or of a check's command."""
    said = text(value)
    found = re.search(r"https?://[^/\s\"']*(/[^\s\"'?#]*)?", said)
    if found:
        return found[1] or "/"
    found = re.search(r"^(/[^\s\"'?#]*)", said)
    if not found:
        raise Unfit("is no path of a request")
    return found[1]


def checked_path(value: Any) -> str:
    """The path that the command of a health check asks for."""
    said = " ".join(str(one) for one in value) if isinstance(value, list | tuple) else text(value)
    if "http://" not in said and "https://" not in said:
        raise Unfit("asks for no path of a request")
    return path(said)


def codes(value: Any) -> tuple[int, ...]:
    """Status codes: ``200``, ``200,301`` or ``200-204``."""
    found: list[int] = []
    for part in text(value).split(","):
        low, _, high = part.strip().partition("-")
        first, last = whole(low), whole(high or low)
        if not 200 <= first <= last <= 499:
            raise Unfit("has codes that a health check here does not take (200 to 499)")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))
