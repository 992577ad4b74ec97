"""An application that says all that it knows: every secret, in several spellings, in its migration and as it dies."""

import base64
import json
import urllib.parse
from pathlib import Path

PROGRAM = """#!/usr/bin/env python3
import base64, json, os, sys, urllib.parse
migrates = len(sys.argv) > 1 and "migrate" in " ".join(sys.argv[1:])
for name in ("ANTHROPIC_API_KEY", "SECRET_KEY_BASE", "DATABASE_URL"):
    value = os.environ[name]
    url = urllib.parse.urlsplit(value)
    for text in filter(None, (value, url.password, urllib.parse.unquote(url.password or ""))):
        print("leak", name, text, json.dumps({"it": text}), repr(text), urllib.parse.quote(text, safe=""),
              base64.b64encode(text.encode()).decode(), flush=True)
print("all was said", flush=True)
sys.exit(AT if migrates else 1)
"""


def image(directory: Path, migration_fails: bool) -> Path:
    """A directory for ``local image --directory``: its migration fails, or the web container does."""
    directory.mkdir()
    program = directory / "run"
    program.write_text(PROGRAM.replace("AT if", f"{int(migration_fails)} if"))
    program.chmod(0o755)
    return directory


def marks(value: str) -> set[str]:
    """What must not be read anywhere of a secret: the value, and a URL's password, as they are and as programs write them."""
    password = urllib.parse.urlsplit(value).password or value
    texts = {value, password, urllib.parse.unquote(password)}
    return {
        spelled
        for text in texts
        for spelled in (text, json.dumps(text)[1:-1], urllib.parse.quote(text, safe=""), base64.b64encode(text.encode()).decode())
    }  # fmt: skip
