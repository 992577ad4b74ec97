"""Nothing that looks like a secret is accepted in the configuration, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_KEYS = re.compile(
    r"(secret|passw(or)?d|passphrase|token|api_?key|private_?key|access_?key|credential|database_url|_dsn\Z|salt\Z)",
    re.IGNORECASE,
)
_VALUES = (
    ("an AWS access key", re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("an API key", re.compile(r"\b(sk-[A-Za-z0-9_-]{12,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abp]-[A-Za-z0-9-]{10,})")),
    ("a URL with a password", re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)),
    ("64 random characters", re.compile(r"^(?=.*[a-z])(?=.*[A-Z0-9])[A-Za-z0-9+/=_-]{64,}\Z")),
)
PLAIN_KEYS = frozenset(
    {
        ("application", "secrets"),
        ("compute", "key_name"),
        ("build", "secrets"),
        ("build", "registry_password"),
        ("sign_in", "secret_name"),
        ("sign_in", "token_endpoint"),
    }
)
"""Keys whose name looks like a secret's, and that hold names only."""


REFERENCES = ("_ARN", "_NAME", "_ID")
"""Ends of variables that name a secret, and do not hold it."""


def suspicious(content: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key that looks like a secret, with what it looks like; values are never repeated."""
    for key, value in content.items():
        here = (*path, key)
        bare = here[2:] if here[0] == "environments" else here
        if isinstance(value, Mapping):
            if bare[:1] == ("env",) and len(bare) == 2 and _KEYS.search(key) and not key.upper().endswith(REFERENCES):
                yield here, "its name is a secret's, and an output can be read by whoever may look at the stack"
                continue
            yield from suspicious(value, here)
            continue
        if (
            isinstance(value, str | int)
            and not isinstance(value, bool)
            and _KEYS.search(key)
            and bare not in PLAIN_KEYS
        ):
            yield here, "its name is a secret's"
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                found = next((what for what, pattern in _VALUES if pattern.search(item)), None)
                if found:
                    yield here, f"its value looks like {found}"
                    break
