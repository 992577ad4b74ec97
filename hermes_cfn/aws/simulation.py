"""IAM's simulator: what a role may do on which resource."""

from __future__ import annotations

from hermes_cfn.aws.calls import AwsError, Calls


class Simulation:
    """Decisions by the policies of one principal."""

    def __init__(self, iam: Calls, source: str) -> None:
        self._iam = iam
        self._source = source

    def allowed(self, action: str, resource: str) -> bool | None:
        """Whether ``action`` on ``resource`` is allowed; None where the simulator may not be asked.

        Resources matter: without one the simulator answers for ``*``, which a narrow policy denies
        (IAM API, SimulatePrincipalPolicy, ``ResourceArns``).
        """
        try:
            found = self._iam.simulate_principal_policy(
                PolicySourceArn=self._source, ActionNames=[action], ResourceArns=[resource]
            )
        except AwsError:
            return None
        return all(result["EvalDecision"] == "allowed" for result in found["EvaluationResults"])
