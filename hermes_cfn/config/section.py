"""What every section of the configuration has in common, and the kinds of value they share."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Section(BaseModel):
    """Frozen, and knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


NAME = r"[a-z][a-z0-9-]{0,18}[a-z0-9]"
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
"""Two to twenty lower case letters, digits and dashes: it goes into bucket, role and target group names."""

Domain = Annotated[str, StringConstraints(pattern=r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
ZoneId = Annotated[str, StringConstraints(pattern=r"^(Z[A-Z0-9]{5,31})?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Signal = Annotated[str, StringConstraints(pattern=r"^SIG[A-Z0-9]{2,8}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=2000)]
"""One line of text: the value of a variable."""

Word = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=1000)]
"""One word of a command line: Docker gets it as it stands, no shell reads it."""

RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/*-]+$")]


def shortened(name: str, limit: int = 32) -> str:
    """``name`` in ``limit`` characters: a longer one is cut, and told from others that begin alike by six digits of its hash."""
    if len(name) <= limit:
        return name
    return f"{name[: limit - 7].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
