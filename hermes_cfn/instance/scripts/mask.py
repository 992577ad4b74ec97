"""What must not leave an instance: every spelling of every secret that lies on it; Amazon Linux 2023 has Python 3.9.

Part of the documents that print what a program said: migrate, run and diagnose.
"""

import base64
import html
import json
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

MASK = "********"


def masker(home: str) -> Callable[[str], str]:
    """Hides the secrets of the environment files below ``home``, in any spelling, and passwords of URLs."""
    found = {one for value in secrets(home) for one in spellings(value)}
    ordered = sorted((one for one in found if one), key=len, reverse=True)
    known = re.compile("|".join(map(pattern, ordered))) if ordered else None
    urls = re.compile(r"(\w[\w+.-]*://[^:/?#@\s]*:)[^\s\"'<>]*@")

    def masked(text: str) -> str:
        return urls.sub(r"\1" + MASK + "@", known.sub(MASK, text) if known else text)

    return masked


def secrets(home: str) -> Iterator[str]:
    """Values of the variables that a release here calls a secret; of all long ones while no release is known."""
    state = pathlib.Path(home, "state")
    names: set[str] = set()
    for path in state.glob("*.json"):
        try:
            names.update(json.loads(path.read_text())["secrets"])
        except (KeyError, TypeError, ValueError):
            continue
    for path in (pathlib.Path(home, ".env"), *state.glob("*env"), *state.glob("*env.new")):
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
            name, there, value = line.partition("=")
            if there and (name in names or (not names and len(value) >= 8)):
                yield value


def spellings(value: str) -> set[str]:
    """A secret and each secret in it, as programs write them; bytes of base64 at each of the three offsets."""
    plain = {value, value.strip(), *within(value)}
    plain |= {decoded for one in plain for decoded in (urllib.parse.unquote(one), urllib.parse.unquote_plus(one))}
    found: set[str] = set()
    for one in plain:
        quoted = {urllib.parse.quote(one, safe=""), urllib.parse.quote(one), urllib.parse.quote_plus(one)}
        found |= {one, *quoted, *(re.sub("%..", lambda code: code[0].lower(), text) for text in quoted)}
        found |= {html.escape(one), repr(one)[1:-1], one.replace("'", "'\\''"), one.replace("'", "'\"'\"'")}
        for text in {json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1]}:
            found |= {text, text.replace("/", "\\/"), json.dumps(text)[1:-1]}
        found |= set(coded(one.encode(errors="replace")))
    return found


def within(value: str) -> Iterator[str]:
    """The password of a URL or of ``password=...``, and the texts of a JSON object."""
    for found in re.findall(r"://[^:/?#@\s]*:(.*)@", value) + re.findall(r"://[^:/?#@\s]*:([^@\s]*)@", value):
        yield found
    for found in re.findall(r"(?i)(?:pass(?:word|wd)?|pwd|secret|token|key)=([^&;\s]+)", value):
        yield found.strip("'\"")
    try:
        inner: list[Any] = [json.loads(value)] if value[:1] in ("{", "[") else []
    except ValueError:
        inner = []
    while inner:
        item = inner.pop()
        if isinstance(item, str) and len(item) >= 4:
            yield item
        inner += item if isinstance(item, list) else item.values() if isinstance(item, dict) else []


def coded(raw: bytes) -> Iterator[str]:
    """Base64 of these bytes alone, and, of four bytes or more, as it stands in that of a longer text."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        yield encode(raw).decode().rstrip("=")
        for before, first in ((0, 0), (1, 2), (2, 3)) if len(raw) >= 4 else ():
            yield encode(b"\0" * before + raw).decode()[first : (before + len(raw)) * 8 // 6]
    yield raw.hex()


def pattern(text: str) -> str:
    """Matches ``text``, broken by no more than an end of line; one of four characters or less only where it stands alone."""
    if len(text) <= 4:
        return r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))" + re.escape(text) + r"(?![A-Za-z0-9])"
    return r"(?:\r?\n)?".join(map(re.escape, text))


def throughout(value: Any, masked: Callable[[str], str]) -> Any:
    """A value of JSON with every text in it masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [throughout(item, masked) for item in value]
    if isinstance(value, dict):
        return {key: throughout(item, masked) for key, item in value.items()}
    return value
