"""The tables: every row has what it must."""

from __future__ import annotations

import subprocess
import sys

from hermes_cfn.cfn.kinds import kind, kinds
from hermes_cfn.cfn.schemas import supported
from hermes_cfn.cfn.statuses import CHANGE_SET, RESOURCE, STACK, STACK_CALLS, is_empty_change_set


def test_every_kind_is_a_type_that_exists():
    assert not [name for name in kinds() if not supported(name, "us-east-1")]


def test_durations_are_measured_or_default():
    balancer = kind("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer.create_s, balancer.measured) == (116, True)
    assert not kind("AWS::RDS::DBInstance").measured
    assert kind("AWS::Nobody::Knows") is None


def test_what_holds_data():
    assert {"AWS::DynamoDB::Table", "AWS::S3::Bucket"} <= {row.type for row in kinds().values() if row.holds_data}


def test_every_stack_status_is_one_that_botocore_knows():
    import botocore.session

    model = botocore.session.get_session().get_service_model("cloudformation")
    assert set(STACK) == set(model.shape_for("StackStatus").enum)
    assert set(CHANGE_SET) == set(model.shape_for("ChangeSetStatus").enum)
    known = set(model.shape_for("ResourceStatus").enum)
    assert known - set(RESOURCE) <= {
        "EXPORT_COMPLETE",
        "EXPORT_FAILED",
        "EXPORT_IN_PROGRESS",
        "EXPORT_ROLLBACK_COMPLETE",
        "EXPORT_ROLLBACK_FAILED",
        "EXPORT_ROLLBACK_IN_PROGRESS",
    }
    assert set(RESOURCE) <= known


def test_what_may_be_done():
    assert STACK["ROLLBACK_COMPLETE"].calls == {"DeleteStack"}
    assert "ContinueUpdateRollback" in STACK["UPDATE_ROLLBACK_FAILED"].calls
    assert STACK["UPDATE_COMPLETE"].updatable and not STACK["UPDATE_IN_PROGRESS"].updatable
    assert all(status.calls <= STACK_CALLS for status in STACK.values())
    assert all(
        status.in_progress == name.endswith("_IN_PROGRESS") for name, status in STACK.items() if "REVIEW" not in name
    )


def test_empty_change_set():
    assert is_empty_change_set("FAILED", "No updates are to be performed.")
    assert is_empty_change_set(
        "FAILED",
        "The submitted information didn't contain changes. Submit different information to create a change set.",
    )
    assert not is_empty_change_set("FAILED", "Resource of type X")
    assert not is_empty_change_set("CREATE_COMPLETE", "")


def test_schemas_are_read_without_cfn_lint():
    code = (
        "import sys; from hermes_cfn.cfn.schemas import schema; schema('AWS::SNS::Topic', 'us-east-1');"
        "assert not any(name.partition('.')[0] == 'cfnlint' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
