"""From an action's name to the method that answers it."""

from __future__ import annotations

import re
from typing import Any

from hermes_cfn.local.wire import ServiceError, unsupported

Params = dict[str, Any]


def method_name(action: str) -> str:
    """``DescribeTargetHealth`` is answered by ``describe_target_health``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


class Actions:
    """A service whose methods are named after its actions; what has no method is refused."""

    service = ""

    def knows(self, action: str) -> bool:
        return callable(getattr(self, method_name(action), None)) and action[:1].isupper()

    def handle(self, action: str, params: Params) -> Params:
        if not self.knows(action):
            raise unsupported(self.service, f"the action {action}")
        result: Params = getattr(self, method_name(action))(params)
        return result


def page(items: list[Any], params: Params, size_key: str, token_key: str, default: int) -> tuple[list[Any], str | None]:
    """One page of ``items`` and the token of the next, which is its first index."""
    given = str(params.get(token_key) or 0)
    if not given.isdigit():
        raise ServiceError("InvalidNextToken", f"The {token_key} value is not valid.")
    start = int(given)
    size = int(params.get(size_key) or default)
    more = start + size < len(items)
    return items[start : start + size], str(start + size) if more else None
