"""``docs/endings.md``: who ends an instance, ever, and why; from the decider's own tables."""

from __future__ import annotations

from pathlib import Path

from hermes_cfn.deciders.actions import Ending
from hermes_cfn.deciders.failures import ENDINGS, VERDICTS
from hermes_cfn.instance.documents import PATIENCE_S
from hermes_cfn.instance.report import MEANINGS, Cause, Fault

PAGE = Path(__file__).resolve().parent / "endings.md"

HEAD = f"""# Who ends an instance, ever, and why

Only a machine's fault replaces a machine. A release's fault stops the rollout or takes it back; a dependency's is waited for on
the instance itself, which tries again for {PATIENCE_S} s, and then stops it. Nothing that serves is ended for another's fault.
The page is made from the decider's tables by `python docs/make.py`.

## The rules

A rollout ends instances by these rules and no other. That what serves is ended by none but these, and never for its release's or a
dependency's fault, is shown of every reachable state (`tests/deciders/test_rollout_exhaustive.py`).

| rule | when | does it serve |
|---|---|---|
"""

FAULTS = """
## A failure, forward or back

A rollout replaces at most half of its fleet on the way forward, and at most as many as the fleet has on the way back; then it
stops. What fails on every instance at once on the way forward is no machine's fault, and stops it before anything is ended.

| whose fault | the instance | what becomes of it |
|---|---|---|
"""

CAUSES = """
*Unclear* is an application that does not answer on one machine: on the way back the machine's fault where the release answers
elsewhere or was verified before, and else the release's.

## Whose fault what is

An instance reports why a document failed by one of these words (`cause` in its report); no program reads the sentence beside it.

| cause | what happened | whose fault |
|---|---|---|
"""

TAIL = """
## Who else

* Auto Scaling replaces an instance in service whose machine fails EC2's status checks, or that reports itself unhealthy: the
  instance's own watch does so when nothing answers on its port for longer than a restart takes, while its database answers.
* A new instance on which the stable release does not start gives itself up, and Auto Scaling starts another. Where the release is
  what cannot start, the next `release` is what new instances start with, before anything is verified.
  A process beside the web process that is not well is told of, and ends no instance.
* A group that scales by itself (`[scaling]`): its policies end instances when load falls, and a window of the week that asks for fewer
  does, serving or not, through the load balancer's draining. While a rollout works neither may; it gives both back at its end, and then
  takes what a schedule asked for meanwhile.
* `hermes-cfn scale` to fewer and `deploy`: CloudFormation lowers the group, and Auto Scaling ends the surplus after it has drained.
* Auto Scaling moves instances between zones (`AZRebalance`): it starts the new one first. While a rollout works it may not.
* `sleep` and `destroy` end all of them, because you say so; `machine-image update` and a change of the instance type replace each in
  its turn.
"""


def page() -> str:
    rules = [f"| {ending.value} | {when} | {serves} |" for ending in Ending for when, serves in (ENDINGS[ending],)]
    verdicts = [
        f"| {fault.value} | {'serves, or may at any moment' if serves else 'does not serve'} | {verdict.value} |"
        for (fault, serves), verdict in VERDICTS.items()
    ]
    order = list(Fault)
    causes = sorted(Cause, key=lambda cause: (order.index(MEANINGS[cause].fault), cause.value))
    told = [f"| `{cause.value}` | {MEANINGS[cause].what} | {MEANINGS[cause].fault.value} |" for cause in causes]
    tables = ["\n".join(rows) + "\n" for rows in (rules, verdicts, told)]
    return HEAD + tables[0] + FAULTS + tables[1] + CAUSES + tables[2] + TAIL
