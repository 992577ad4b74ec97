"""What the budget counts: this environment, or, until its tag is active for cost allocation, the whole account."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Advice, Finding, Severity, hermes
from hermes_cfn.names import ENVIRONMENT_TAG

ACTIVATE = (
    f"aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey={ENVIRONMENT_TAG},Status=Active"
)
_WHY = {
    "Inactive": "billing knows the tag and nobody has activated it: the management account of the organization can, "
    "or this account if it is in none",
    "absent": "billing does not know the tag yet, which takes up to a day after a resource first carries it; "
    "then the management account of the organization can activate it, or this account if it is in none",
    "member": "this account is a member of an organization: only its management account sees and activates such tags",
    "denied": "this role may not ask whether the tag is active (ce:ListCostAllocationTags)",
}
_NEXT: dict[str, str | Advice] = {
    "member": f'there: {ACTIVATE}; then here: [budget] by_tag = "always"',
    "denied": (hermes("plan") + " as a role that may; " + hermes("whoami")),
}


def narrowed(status: str) -> str:
    """The template's parameter, whether the budget counts the tag alone; nothing where it could not be asked.

    Then what is deployed stays, or the whole account is counted.
    """
    return {"Active": "true", "denied": ""}.get(status, "false")


def tag(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``budget-covers-account``: the tag that narrows the budget was not seen active."""
    if not settings.budget.waits_for_tag or facts.cost_tag in ("", "Active"):
        return
    yield Finding(
        "budget-covers-account",
        "hermes.toml [budget]",
        f"the budget counts the whole account until the tag {ENVIRONMENT_TAG} is active for cost allocation",
        why=_WHY[facts.cost_tag],
        next=_NEXT.get(facts.cost_tag, f"there: {ACTIVATE}; the deployment after narrows it"),
        severity=Severity.INFO,
    )
