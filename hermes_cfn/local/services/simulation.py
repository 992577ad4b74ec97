"""IAM's policy simulator: SimulatePrincipalPolicy for roles, with the evaluation that ``enforce`` uses.

IAM API reference, "SimulatePrincipalPolicy": identity-based policies and the boundary; a condition key that
is not among ``ContextEntries`` has no value.  Whoever is no role here is the administrator.
"""

from __future__ import annotations

from typing import Any

from hermes_cfn.local.moto_side import MotoSide, backend
from hermes_cfn.local.services.actions import Actions
from hermes_cfn.local.services.authorisation import boundary_of, document_of
from hermes_cfn.local.services.policies import EXPLICIT_DENY, Asked, Document, allowed
from hermes_cfn.local.wire import ACCOUNT, ServiceError


class Simulation(Actions):
    """The one action of IAM that moto does not know and that we need."""

    service = "iam"
    actions = frozenset({"SimulatePrincipalPolicy"})

    def __init__(self, moto: MotoSide) -> None:
        self._moto = moto

    def simulate_principal_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        context = {
            entry["ContextKeyName"].lower(): tuple(entry["ContextKeyValues"])
            for entry in params.get("ContextEntries", [])
        }
        with self._moto.exclusive():
            policies, boundary = _of(params["PolicySourceArn"])
        results = []
        for action in params["ActionNames"]:
            for resource in params.get("ResourceArns") or ["*"]:
                why = "" if policies is None else allowed(Asked(action, resource, context), policies, boundary)
                decision = "allowed" if not why else "explicitDeny" if why == EXPLICIT_DENY else "implicitDeny"
                results.append({"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision})
        return {"EvaluationResults": results, "IsTruncated": False}


def _of(arn: str) -> tuple[list[Document] | None, Document | None]:
    """A role's policies and boundary; no policies at all for the administrator."""
    if ":role/" not in arn:
        return None, None
    from moto.iam.exceptions import NotFoundException

    name, iam = arn.rpartition("/")[2], backend("iam", "us-east-1", ACCOUNT)
    try:
        role = iam.get_role(name)
    except NotFoundException as error:
        raise ServiceError("NoSuchEntity", f"The role with name {name} cannot be found.", 404) from error
    inline = [iam.get_role_policy(name, policy)[1] for policy in iam.list_role_policies(name)]
    attached, _ = iam.list_attached_role_policies(name)
    return [document_of(policy) for policy in [*inline, *attached]], boundary_of(role)
