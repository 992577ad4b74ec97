"""Malformed requests: every answer that is an error has a code that boto3 raises as ClientError, and none is a 500."""

from __future__ import annotations

import random

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from jmespath.exceptions import JMESPathError

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

SERVICES = (
    "acm", "autoscaling", "cloudformation", "cloudwatch", "dynamodb", "ec2", "ecr", "elbv2", "events", "iam", "kms",
    "logs", "s3", "sns", "ssm", "sts",
)  # fmt: skip
EACH = 25
"""Operations of a service that a run tries."""


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    state = tmp_path_factory.mktemp("bad")
    control.start(state, Options(speed=1000, processes=False))
    yield state
    control.stop(state)


def client(state, service):
    key = control.administrator(state)
    return boto3.client(
        service, region_name="us-east-1", endpoint_url=control.status(state).endpoint, aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"max_attempts": 0}, parameter_validation=False, s3={"addressing_style": "path"}),
    )  # fmt: skip


def value(shape, chance: random.Random, depth: int = 0):
    """Something of the shape's kind that no service expects."""
    if shape.type_name == "structure":
        names = [n for n in shape.members if n in shape.required_members or (depth < 2 and chance.random() < 0.3)]
        return {name: value(shape.members[name], chance, depth + 1) for name in names}
    if shape.type_name == "list":
        return [value(shape.member, chance, depth + 1)] if depth < 4 and chance.random() < 0.7 else []
    if shape.type_name == "map":
        return {"k": value(shape.value, chance, depth + 1)} if depth < 4 else {}
    simple = {
        "string": ["x", "-", "arn:aws:x", "{", "ü", "a" * 300, "0"], "integer": [-1, 0, 10**6], "long": [-1, 0],
        "boolean": [True, False], "double": [-1.5], "float": [-1.5], "timestamp": [0], "blob": [b"", b"\x00{"],
    }  # fmt: skip
    return chance.choice(simple.get(shape.type_name, ["x"]))


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_has_a_code(state, service):
    chance, made = random.Random(service), client(state, service)
    operations = sorted(made.meta.service_model.operation_names)
    wrong = []
    for name in chance.sample(operations, min(EACH, len(operations))):
        shape = made.meta.service_model.operation_model(name).input_shape
        for given in ({}, value(shape, chance) if shape is not None else {}):
            try:
                getattr(made, xform_name(name))(**given)
            except ClientError as error:
                code = error.response["Error"].get("Code", "")
                broken = error.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 502, 503)
                if broken or ((not code or code.isdigit()) and "Head" not in name):
                    wrong.append((name, given, str(error)))
            except (ParamValidationError, JMESPathError, KeyError):
                pass  # botocore itself cannot build the request, so that nothing is sent
            except Exception as problem:
                wrong.append((name, given, f"{type(problem).__name__}: {problem}"))
    assert not wrong, "\n".join(map(str, wrong))
