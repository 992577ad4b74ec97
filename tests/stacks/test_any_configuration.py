"""Configurations drawn at random render, validate and deploy: each to the embedded cloud, and away again.

Three, always the same, by default; ``make soak`` draws 120 (``CONFIGURATIONS``).  Instances exist in the books alone.
"""

import json
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hermes_cfn import lint, stacks
from hermes_cfn.aws.clients import connect
from hermes_cfn.config import parse
from hermes_cfn.flows import destroy
from hermes_cfn.flows.base.context import stand
from hermes_cfn.flows.stacks.deployer import StackDeployer
from hermes_cfn.local import control
from tests.stacks.books import EVERYTHING, REGIONS, Books, drained
from tests.stacks.configurations import configurations

EXAMPLES = int(os.environ.get("CONFIGURATIONS", "3"))


class Cloud(Books):
    """The embedded cloud, and what was linted already."""

    def __init__(self, state) -> None:
        super().__init__(state)
        self.linted: set[str] = set()
        self.seen: Counter[str] = Counter()

    def findings(self, deployment) -> list[str]:
        """cfn-lint's, for every template that it has not seen."""
        fresh = {spec.key: spec for spec in deployment if json.dumps(spec.template) not in self.linted}
        self.linted |= {json.dumps(spec.template) for spec in fresh.values()}
        return [str(one) for spec in fresh.values() for one in lint.lint_template(spec.template, spec.region, spec.key)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    state = tmp_path_factory.mktemp("configurations")
    made = Cloud(state)
    yield made
    print(f"{made.seen['configurations']} configurations, {made.seen['resources']} resources")
    control.stop(state)


@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES < 10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(text=configurations())
def test_any_configuration_renders_validates_and_deploys(cloud, text):
    assert cloud.findings(stacks.build(parse(text))) == []
    text = text.replace("Z0123456789ABC", cloud.zone)
    config = parse(text.replace("[application]", f'[application]\nname = "h{next(cloud.number)}"', 1))
    deployment = stacks.build(config)
    context = stand(connect(None, REGIONS[0], cloud.endpoint, control.administrator(cloud.state)), config, deployment)
    *_, end = drained(StackDeployer(context, deployment, lookups={"budget-estimate": "10"}).run(lambda: None))
    assert set(end) == set(deployment.keys) and set(end.values()) == {"CREATE_COMPLETE"}
    for spec in deployment:
        stack = cloud.client("cloudformation", spec.region).describe_stacks(StackName=spec.name)["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        assert set(outputs) == set(spec.template.get("Outputs", {})) and all(outputs.values())
        cloud.seen["resources"] += len(spec.template["Resources"])
    cloud.seen["configurations"] += 1
    drained(destroy.run(context, EVERYTHING))
    cloud.forget_provider()
    left = [
        one["StackName"]
        for region in REGIONS
        for one in cloud.client("cloudformation", region).describe_stacks()["Stacks"]
    ]
    assert left == []
