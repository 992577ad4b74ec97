"""The plan: what changes, what it costs, whom it interrupts, how long it takes, what would fail.

Pure: ``make(deployment, deployed, …)`` compares what is wanted with what was observed and writes
nothing.  ``timing`` is used by ``analysis`` too.
"""

from hermes_cfn.plan.make import PlanInputs, make
from hermes_cfn.plan.model import Change, Deployed, Interruption, Plan, StackPlan

__all__ = ["Change", "Deployed", "Interruption", "Plan", "PlanInputs", "StackPlan", "make"]
