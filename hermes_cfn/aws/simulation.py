"""IAM's simulator: what a role may do on which resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hermes_cfn.aws.calls import AwsError, Calls


class Simulation:
    """Decisions by the policies of one principal; ``context`` are the condition keys that a request would have."""

    def __init__(self, iam: Calls, source: str, context: Mapping[str, str]) -> None:
        self._iam = iam
        self._source = source
        self._context = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in context.items()
        ]

    def allowed(self, action: str, resource: str) -> bool | None:
        """Whether ``action`` on ``resource`` is allowed; None where the simulator may not be asked.

        Resources matter: without one the simulator answers for ``*``, which a narrow policy denies
        (IAM API, SimulatePrincipalPolicy, ``ResourceArns``).
        """
        found = self.denied([action], [resource])
        return None if found is None else not found

    def denied(self, actions: Sequence[str], resources: Sequence[str]) -> tuple[tuple[str, str], ...] | None:
        """(action, resource) of what is denied, or None where the simulator may not be asked."""
        try:
            found = self._iam.simulate_principal_policy(
                PolicySourceArn=self._source,
                ActionNames=list(actions),
                ResourceArns=list(resources),
                ContextEntries=self._context,
            )
        except AwsError:
            return None
        return tuple(
            (str(result["EvalActionName"]), str(result["EvalResourceName"]))
            for result in found["EvaluationResults"]
            if result["EvalDecision"] != "allowed"
        )
