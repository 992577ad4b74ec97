"""What of a plan goes beyond what a pipeline allows."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.config.allowance import Allowance
from hermes_cfn.errors import Finding
from hermes_cfn.plan.model import Plan
from hermes_cfn.units import dollars, duration


def beyond(allowed: Allowance, plan: Plan) -> Iterator[Finding]:
    """Findings ``beyond-allowance`` for all that the plan would do beyond what is allowed; what cannot be told is beyond."""
    lost = plan.interruption
    if allowed.interruption_s is not None and lost.kind == "data":
        yield _beyond("interruption", f"data at risk: {'; '.join(lost.what)}", "no data may be lost")
    elif allowed.interruption_s is not None and (
        lost.seconds > allowed.interruption_s or (lost.kind == "instances" and not lost.seconds)
    ):
        how_long = f"about {duration(lost.seconds)}" if lost.seconds else "nobody can say how long"
        yield _beyond(
            "interruption", f"{how_long}: {'; '.join(lost.what)}", f"{duration(allowed.interruption_s)} are allowed"
        )
    if allowed.replace is not None:
        more = sorted(f"{stack}/{name}" for stack, name in plan.replacements if name not in allowed.replace)
        if more:
            named = ", ".join(sorted(allowed.replace)) or "nothing"
            yield _beyond("replace", f"{', '.join(more)} would or may be replaced", f"{named} may be")
    if allowed.cost is not None and plan.bill is None:
        yield _beyond("cost", "there are no prices, so nobody can say", f"{dollars(allowed.cost)} a month more")
    elif allowed.cost is not None and plan.bill is not None and plan.bill.monthly > allowed.cost:
        yield _beyond("cost", f"{dollars(plan.bill.monthly)} a month more", f"{dollars(allowed.cost)} are allowed")
    spent = plan.stacks_s + plan.rollout_s
    if allowed.duration_s is not None and spent > allowed.duration_s:
        yield _beyond("duration", f"about {duration(spent)}", f"{duration(allowed.duration_s)} are allowed")


def _beyond(what: str, found: str, allowed: str) -> Finding:
    return Finding(
        "beyond-allowance",
        what,
        found,
        why=allowed,
        next=f"make the change smaller, or allow it: --allow {what}=…",
    )
