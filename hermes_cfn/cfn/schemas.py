"""What AWS says about a resource type: the registry's schemas, as the cfn-lint package carries them.

Read from disk without importing cfn-lint.  The meaning of the keys:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hermes_cfn.errors import Finding, HermesError


@dataclass(frozen=True, slots=True)
class ResourceSchema:
    """One type in one region.

    Property paths are written without the leading ``/properties``: ``/Name``, ``/Tags/*/Key``.
    """

    type: str
    body: Mapping[str, Any]

    @property
    def create_only(self) -> tuple[str, ...]:
        """Paths whose change replaces the resource."""
        return self._paths("createOnlyProperties")

    @property
    def conditional_create_only(self) -> tuple[str, ...]:
        """Paths whose change may replace the resource."""
        return self._paths("conditionalCreateOnlyProperties")

    @property
    def read_only(self) -> tuple[str, ...]:
        """Paths that only the service sets: what Fn::GetAtt may ask for."""
        return self._paths("readOnlyProperties")

    @property
    def write_only(self) -> tuple[str, ...]:
        """Paths that cannot be read back, so that drift in them is not seen."""
        return self._paths("writeOnlyProperties")

    @property
    def primary_identifier(self) -> tuple[str, ...]:
        """Paths that together name one resource."""
        return self._paths("primaryIdentifier")

    @property
    def properties(self) -> frozenset[str]:
        """Names of all top-level properties."""
        return frozenset(self.body.get("properties", {}))

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self.body.get("required", ()))

    @property
    def tag_property(self) -> str | None:
        """The top-level property that takes the stack's tags, if the type has one."""
        tagging = self.body.get("tagging")
        if isinstance(tagging, Mapping):
            if tagging.get("taggable") is False:
                return None
            name = str(tagging.get("tagProperty", "/properties/Tags")).removeprefix("/properties/")
        else:
            name = "Tags"
        return name if name in self.properties else None

    def handler_permissions(self, action: str) -> tuple[str, ...]:
        """IAM actions that the handler of ``create``, ``read``, ``update``, ``delete`` or ``list`` calls."""
        handler = self.body.get("handlers", {}).get(action, {})
        return tuple(handler.get("permissions", ()))

    def _paths(self, key: str) -> tuple[str, ...]:
        return tuple(sorted(str(path).removeprefix("/properties") for path in self.body.get(key, ())))


@cache
def _root() -> Path:
    spec = find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise HermesError(
            Finding(
                "schemas-missing",
                "cfn-lint",
                "the resource schemas are not there",
                "they say which changes replace a resource",
                next="pip install cfn-lint",
            )
        )
    return Path(spec.origin).parent / "data" / "schemas"


@cache
def _index(region: str) -> Mapping[str, str]:
    path = _root() / "providers" / f"{region}.json"
    if not path.exists():
        raise HermesError(Finding("region-unknown", region, "no resource schemas are known for this region"))
    found: Mapping[str, str] = json.loads(path.read_text())
    return found


@cache
def schema(resource_type: str, region: str) -> ResourceSchema | None:
    """The schema of ``resource_type`` in ``region``; None where the region does not have the type.

    Raises :class:`HermesError` (``region-unknown``) for a region that does not exist.
    """
    name = _index(region).get(resource_type)
    if name is None:
        return None
    return ResourceSchema(resource_type, json.loads((_root() / "resources" / f"{name}.json").read_text()))


def supported(resource_type: str, region: str) -> bool:
    """Whether ``region`` has ``resource_type``."""
    return resource_type in _index(region)
