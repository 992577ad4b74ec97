"""The guide's architecture and procedures, where a figure or a rule decides."""

from __future__ import annotations

from .claims import Claim, Verdict

C = Claim
CONTRA, UNSUP, MISS = Verdict.CONTRADICTORY, Verdict.UNSUPPORTED, Verdict.MISSING
TIMING = "plan.timing, from the target group's settings"

# fmt: off
REST: tuple[Claim, ...] = (
    C("image-fits", "3. Configure Terraform Variables", "t3.small runs the pipeline's ARM64 image (1: it does)", (1, 1), "", lambda f: float(_architecture("t3.small") == "arm64"), "t3 is x86_64; the deployment would not start", "EC2 instance type naming conventions", 0, CONTRA),
    C("priced-type", "3. Configure Terraform Variables", "the type it sets (t3.small) is the type it prices (t4g.small)", (24, 24), "USD/month", lambda f: f.price("BoxUsage:t3.small") * 2 * 730, "two t3.small in eu-south-2", "price book (snapshot), eu-south-2", 1, CONTRA),
    C("one-instance-gap", "Continuous Deployment Workflow", "zero-downtime with a single instance (brief interruption)", (0, 0), "s out of service", lambda f: f.interruption_s(1), "drained, stopped, started and checked before it serves again", TIMING, 0, CONTRA),
    C("two-instances-gap", "Rolling Deployment Benefits", "zero-downtime with two instances", (0, 0), "s out of service", lambda f: f.interruption_s(2), "one always serves", TIMING),
    C("emergency", "Emergency Rollback via SSM", "the loop restarts instances that still receive requests: seconds each drops", (0, 0), "s", lambda f: _restart(), "docker stop without leaving the load balancer: stop and start in service", TIMING, 0, MISS),
    C("database-test", "Database Connection Issues", "wget tests the database's network (schemes of the URL that it speaks)", (1, 1), "schemes", lambda f: float("ecto" in ("http", "https", "ftp")), "wget refuses ecto:// before it opens a connection: it fails whatever the network does", "GNU Wget manual: http, https, ftp"),
    C("power-user", "Create GitHub OIDC Provider", "PowerUserAccess is enough to create the instances' role (actions that it lacks)", (0, 0), "actions", lambda f: _denied("AWS::IAM::Role"), "PowerUserAccess allows all but iam:*, and creating a role calls these", "AWS managed policy PowerUserAccess; the resource schema's create handler"),
    C("output-names", "Monitoring", "instance_ids and ec2_instance_ids are one output (names used)", (1, 1), "names", lambda f: float(len({"instance_ids", "ec2_instance_ids"})), "the rollback and the monitoring section name it differently", "the guide", 0, CONTRA),
    C("zones", "3. Configure Terraform Variables", "three zones cost nothing", (0, 0), "USD/month", lambda f: f.saved(("network.zones", ("eu-south-2a", "eu-south-2b"))), "a third address of the load balancer", "bill engine over the guide's deployment", 0, MISS),
)
# fmt: on


def _architecture(kind: str) -> str:
    from ..sizing.credits import machine

    return machine(kind).architecture


def _restart() -> float:
    from hermes_cfn.plan.timing import START_S, STOP_S

    return STOP_S + START_S


POWER_USER_IAM = {
    "iam:CreateServiceLinkedRole",
    "iam:DeleteServiceLinkedRole",
    "iam:ListRoles",
    "iam:GetAccountEmailAddress",
    "iam:GetAccountName",
}
"""The only actions on IAM that AWS's managed policy PowerUserAccess allows (AWS managed policy reference)."""


def _denied(resource_type: str) -> float:
    from hermes_cfn.cfn.schemas import schema

    known = schema(resource_type, "eu-south-2")
    calls = known.handler_permissions("create") if known else ()
    return float(len({call for call in calls if call.startswith("iam:")} - POWER_USER_IAM))
