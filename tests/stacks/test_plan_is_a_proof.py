"""What plan is content with deploys: from any deployment to any other, plan refuses, or the stacks end well.

Each case deploys one configuration to the embedded cloud, plans another over it, and, where plan has no error, deploys
that: every stack must come to rest whole, with nothing planned after it.  Some changes of one setting, forwards and
back, and some pairs drawn at random, by default; ``make soak`` has every one of them (``PROOFS``).  Instances exist in
the books alone.
"""

import json
import os
import tomllib
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hermes_cfn import stacks
from hermes_cfn.aws.clients import connect
from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError
from hermes_cfn.flows import deploy, destroy
from hermes_cfn.flows.base.context import stand
from hermes_cfn.flows.stacks import plan_inputs
from hermes_cfn.local import control
from tests.stacks.books import EVERYTHING, REGIONS, Books, drained
from tests.stacks.changes import BASES, SETTINGS, changed
from tests.stacks.configurations import configurations

PROOFS = int(os.environ.get("PROOFS", "4"))
"""Pairs drawn at random; with more than 10 of them, every change of one setting too."""

ROWS = [(base, change, back) for base, change in SETTINGS for back in (False, True)]
TOLD = [
    ("", "application.port = 8080", False),
    ("", "network.zones = ['eu-south-2a', 'eu-south-2b']", False),
    ("", "network.zones = ['eu-south-2a', 'eu-south-2b']", True),
    ("edged", "worldwide.waf = false", True),
]
"""Changes of one setting that public reports describe; the others are for the long run."""


class Cloud(Books):
    """The embedded cloud, what stands in it for examples, and how the cases ended."""

    def __init__(self, state) -> None:
        super().__init__(state)
        self.ended: Counter[str] = Counter()
        made = self.client("acm").request_certificate(
            DomainName="*.yourdomain.com", ValidationMethod="DNS", SubjectAlternativeNames=["yourdomain.com"]
        )
        self.examples = {
            "Z0123456789ABC": self.zone,
            "Z9999999999999": self.made_zone("other"),
            "arn:aws:acm:eu-south-2:123456789012:certificate/0f": made["CertificateArn"],
        }

    def context(self, text: str, name: str):
        """The deploy context of a configuration, as application ``name`` without secrets."""
        for example, real in self.examples.items():
            text = text.replace(example, real)
        sections = tomllib.loads(text.replace("example.com", "yourdomain.com"))
        sections.setdefault("application", {}).update(name=name, secrets=[])
        config = parse(written(sections))
        deployment = stacks.build(config)
        clients = connect(None, REGIONS[0], self.endpoint, control.administrator(self.state))
        return stand(clients, config, deployment)

    def first(self, context) -> bool:
        """Everything from nothing; whether there was anything that plan let through."""
        self.forget_provider()
        drained(deploy.foundation(context))
        application = context.settings.application
        body = {"region": context.region, "repository": application.name, "tag": "v1", "directory": None, "env": {}}
        control.ask(self.state, "images", body | {"architecture": application.architecture})
        if plan_inputs.make(context, wish("v1").question).errors:
            self.ended["not deployable"] += 1
            return False
        drained(deploy.run(context, wish("v1")))
        return True

    def away(self, context) -> None:
        drained(destroy.run(context, EVERYTHING))


def written(sections) -> str:
    return "\n".join(
        f"{name}.{key} = {json.dumps(value)}" for name, keys in sections.items() for key, value in keys.items()
    )


def wish(image: str = ""):
    return deploy.DeployOptions(plan_inputs.PlanRequest(image=image), stacks_only=True)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    state = tmp_path_factory.mktemp("proofs")
    made = Cloud(state)
    yield made
    print(dict(made.ended))
    control.stop(state)


def prove(cloud, before: str, after: str) -> None:
    name = f"h{next(cloud.number)}"
    here = cloud.context(before, name)
    if not cloud.first(here):
        cloud.away(here)
        return
    there = cloud.context(after, name)
    drained(deploy.foundation(there))
    made = plan_inputs.make(there, plan_inputs.PlanRequest())
    if made.errors:
        cloud.ended.update({finding.code for finding in made.errors})
        with pytest.raises(HermesError):
            drained(deploy.run(there, wish()))
        cloud.away(here)
        return
    drained(deploy.run(there, wish()))
    cloud.ended["deployed"] += 1
    whole = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert {door(there, spec).status for spec in there.deployment} <= whole
    again = plan_inputs.make(there, plan_inputs.PlanRequest())
    assert again.empty, [(stack.key, stack.action) for stack in again.stacks]
    cloud.away(there)


def door(context, spec):
    return context.clients.cloudformation(spec.region).observe(spec.name)


@pytest.mark.parametrize(("base", "change", "back"), ROWS if PROOFS > 10 else TOLD)
def test_a_change_of_one_setting_is_refused_or_deploys(cloud, base, change, back):
    texts = [BASES[base], changed(BASES[base], change)]
    prove(cloud, *(reversed(texts) if back else texts))


@settings(
    max_examples=PROOFS,
    derandomize=PROOFS < 10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(before=configurations(), after=configurations())
def test_any_two_configurations_are_refused_or_deploy(cloud, before, after):
    prove(cloud, before, after)
