"""Every call that changes something: why it may be sent twice, and how what is read after it is known to be newer.

The answer of any call can get lost after AWS has carried it out; botocore then sends it once more.  So each call
has a client token by which AWS knows it again, or error codes that after a first try mean "done before", or it is
harmless twice.  And reads may be older than our own write: ``seen_by`` says by what each is recognised.
:class:`hermes_cfn.aws.calls.Calls` refuses a call that is neither a read nor a row here.
"""

from __future__ import annotations

from dataclasses import dataclass

READS = (
    *("describe_", "get_", "list_", "head_", "batch_get_", "filter_", "lookup_", "simulate_", "search_"),
    *("can_paginate", "download_", "generate_presigned"),
)
"""How the names of calls begin that change nothing."""


@dataclass(frozen=True, slots=True)
class Write:
    """``token`` is the parameter that takes a client token; ``done`` are codes that, after a first try whose answer was
    lost, say that it was carried out; ``twice`` says why a second time does no harm where there is neither.

    ``seen_by``: the reads that follow, and what shows that they are newer than the write.
    """

    token: str = ""
    done: frozenset[str] = frozenset()
    twice: str = ""
    seen_by: str = ""


def _row(token: str = "", done: str = "", twice: str = "", seen_by: str = "") -> Write:
    return Write(token, frozenset(done.split()), twice, seen_by)


_STACK = "DescribeStacks never older than what was seen; stack events that carry our token tell the outcome"
_GROUP = "the fleet's next look: members, processes and mark as they are, by the rollout's own rules"

WRITES: dict[str, Write] = {
    "cloudformation.create_change_set": _row(
        token="ClientToken",
        done="AlreadyExistsException",
        seen_by="DescribeChangeSet: not there is looked at again, until it is",
    ),
    "cloudformation.execute_change_set": _row(
        token="ClientRequestToken", done="InvalidChangeSetStatus ChangeSetNotFound", seen_by=_STACK
    ),
    "cloudformation.delete_change_set": _row(
        done="InvalidChangeSetStatus ChangeSetNotFound", seen_by="its name is a digest: one that is still shown is ours"
    ),
    "cloudformation.create_stack": _row(
        token="ClientRequestToken",
        done="AlreadyExistsException",
        seen_by="of conformance: followed until the stack rests",
    ),
    "cloudformation.update_stack": _row(
        token="ClientRequestToken", seen_by="of conformance: it is to be refused, and nothing is read after it"
    ),
    "cloudformation.delete_stack": _row(token="ClientRequestToken", seen_by=_STACK),
    "cloudformation.continue_update_rollback": _row(token="ClientRequestToken", done="ValidationError", seen_by=_STACK),
    "cloudformation.rollback_stack": _row(token="ClientRequestToken", done="ValidationError", seen_by=_STACK),
    "cloudformation.cancel_update_stack": _row(
        token="ClientRequestToken", done="ValidationError", seen_by="followed until the stack rests"
    ),
    "cloudformation.update_termination_protection": _row(
        twice="an absolute value", seen_by="not read again: DeleteStack itself refuses"
    ),
    "cloudformation.detect_stack_drift": _row(
        twice="a second detection", seen_by="asked for by the ID that the call answered"
    ),
    "ssm.put_parameter": _row(
        twice="one version more with the same value",
        seen_by="every later read has at least the version that it answered",
    ),
    "ssm.create_document": _row(done="DocumentAlreadyExists", seen_by="of conformance: not read again"),
    "ssm.delete_document": _row(done="InvalidDocument", seen_by="of conformance: listed again until it is gone"),
    "ssm.delete_parameter": _row(done="ParameterNotFound", seen_by="not read again"),
    "ssm.send_command": _row(
        twice="scripts run once for an operation ID",
        seen_by="the operation ID, which the run's comment and report carry",
    ),
    "autoscaling.enter_standby": _row(done="ValidationError", seen_by=_GROUP),
    "autoscaling.exit_standby": _row(done="ValidationError", seen_by=_GROUP),
    "autoscaling.set_desired_capacity": _row(twice="an absolute value", seen_by=_GROUP),
    "autoscaling.update_auto_scaling_group": _row(twice="absolute values", seen_by=_GROUP),
    "autoscaling.terminate_instance_in_auto_scaling_group": _row(done="ValidationError", seen_by=_GROUP),
    "autoscaling.suspend_processes": _row(twice="a set", seen_by=_GROUP),
    "autoscaling.resume_processes": _row(twice="a set", seen_by=_GROUP),
    "autoscaling.put_scaling_policy": _row(twice="the whole policy", seen_by=_GROUP),
    "autoscaling.create_or_update_tags": _row(twice="an absolute value", seen_by=_GROUP),
    "autoscaling.delete_tags": _row(twice="what is gone stays gone", seen_by=_GROUP),
    "route53.change_resource_record_sets": _row(
        done="InvalidChangeBatch",
        seen_by="ListResourceRecordSets before each step; a share that is still shown as before is set once more",
    ),
    "elbv2.register_targets": _row(twice="a set", seen_by="target health, until it is healthy"),
    "elbv2.modify_load_balancer_attributes": _row(twice="absolute values", seen_by="not read again"),
    "dynamodb.update_item": _row(
        twice="the condition names owner and token, and the item is read with ConsistentRead",
        seen_by="GetItem with ConsistentRead",
    ),
    "ec2.revoke_security_group_ingress": _row(done="InvalidPermission.NotFound", seen_by="not read again"),
    "ec2.revoke_security_group_egress": _row(done="InvalidPermission.NotFound", seen_by="not read again"),
    "ecr.put_image": _row(done="ImageAlreadyExistsException", seen_by="the digest, which the image's own text gives"),
    "ecr.batch_delete_image": _row(twice="what is gone stays gone", seen_by="not read again"),
    "s3.put_object": _row(twice="the same object", seen_by="S3 is strongly consistent"),
    "s3.delete_objects": _row(twice="what is gone stays gone", seen_by="S3 is strongly consistent"),
    "athena.start_query_execution": _row(
        token="ClientRequestToken", seen_by="asked for by the ID that the call answered"
    ),
    "athena.stop_query_execution": _row(twice="what is stopped stays stopped", seen_by="not read again"),
    "cloudfront.create_invalidation": _row(twice="CallerReference is the same in both", seen_by="not read again"),
}


def row(service: str, name: str) -> Write | None:
    """The row of a call by boto3's name; None for a read.

    Raises LookupError for a call that is neither.
    """
    if name.startswith(READS):
        return None
    found = WRITES.get(f"{service}.{name}")
    if found is None:
        raise LookupError(f"{service}.{name} changes something and has no row in aws/writes.py")
    return found
