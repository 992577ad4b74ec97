"""IAM's simulator: what a role may do on which resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hermes_cfn.aws.calls import AwsError, Calls

MULTIVALUED = frozenset({"cloudformation:ImportResourceTypes", "dynamodb:LeadingKeys"})
"""Condition keys that hold a set of values (Service Authorization Reference: ArrayOfString)."""


class Simulation:
    """Decisions by the policies of one principal.

    A request's ``context`` are the condition keys that it would carry, with their values: one that is not told has no value,
    and the statement that asks for it does not match (IAM API, SimulatePrincipalPolicy, ``ContextEntries``).
    """

    def __init__(self, iam: Calls, source: str) -> None:
        self._iam = iam
        self._source = source

    def allowed(self, action: str, resource: str, context: Mapping[str, Sequence[str]]) -> bool | None:
        """Whether ``action`` on ``resource`` is allowed; None where the simulator may not be asked.

        Resources matter: without one the simulator answers for ``*``, which a narrow policy denies
        (IAM API, SimulatePrincipalPolicy, ``ResourceArns``).
        """
        found = self.denied([action], [resource], context)
        return None if found is None else not found

    def denied(
        self, actions: Sequence[str], resources: Sequence[str], context: Mapping[str, Sequence[str]]
    ) -> tuple[tuple[str, str], ...] | None:
        """(action, resource) of what is denied, or None where the simulator may not be asked."""
        try:
            found = self._iam.simulate_principal_policy(
                PolicySourceArn=self._source,
                ActionNames=list(actions),
                ResourceArns=list(resources),
                ContextEntries=[
                    {
                        "ContextKeyName": key,
                        "ContextKeyValues": list(values),
                        "ContextKeyType": "stringList" if key in MULTIVALUED else "string",
                    }
                    for key, values in context.items()
                ],
            )
        except AwsError:
            return None
        return tuple(
            (str(result["EvalActionName"]), str(result["EvalResourceName"]))
            for result in found["EvaluationResults"]
            if result["EvalDecision"] != "allowed"
        )
