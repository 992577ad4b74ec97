"""Cost Explorer's cost allocation tags; what costs there are is moto's.

Cost Explorer API reference, ListCostAllocationTags and UpdateCostAllocationTagsStatus: a tag is known once a
resource has carried it, inactive until somebody activates it, and a key that is not known is an error of its own
in an answer that is none.  Where this account is a member of an organization (condition ``member-account``),
nobody here may ask: "Linked account doesn't have access to cost allocation tags" (terraform-provider-aws #37636).
AWS takes up to a day until it knows a tag; here it does at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hermes_cfn.local.services.actions import Actions
from hermes_cfn.local.wire import ServiceError


class CostTags(Actions):
    """``carried`` gives the keys of tags that resources carry, ``member`` whether the account is an organization's."""

    service = "ce"
    actions = frozenset({"ListCostAllocationTags", "UpdateCostAllocationTagsStatus"})

    def __init__(self, carried: Callable[[], Iterable[str]], member: Callable[[], bool]) -> None:
        self._carried = carried
        self._member = member
        self._status: dict[str, str] = {}

    def _known(self) -> dict[str, str]:
        if self._member():
            words = "Failed to list Cost Allocation Tags: Linked account doesn't have access to cost allocation tags."
            raise ServiceError("AccessDeniedException", words)
        return dict.fromkeys(sorted(self._carried()), "Inactive") | self._status

    def list_cost_allocation_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("Type", "UserDefined") != "UserDefined":
            return {"CostAllocationTags": []}
        found = [
            {"TagKey": key, "Type": "UserDefined", "Status": status}
            for key, status in self._known().items()
            if key in params.get("TagKeys", [key]) and status == params.get("Status", status)
        ]
        return {"CostAllocationTags": found}

    def update_cost_allocation_tags_status(self, params: dict[str, Any]) -> dict[str, Any]:
        known, errors = self._known(), []
        for entry in params["CostAllocationTagsStatus"]:
            if entry["TagKey"] in known:
                self._status[entry["TagKey"]] = entry["Status"]
            else:
                errors.append({"TagKey": entry["TagKey"], "Code": "TagKeyNotFound", "Message": "Tag key not found"})
        return {"Errors": errors}
