"""CloudFormation's own types that need no service."""

from __future__ import annotations

from hermes_cfn.local.providers.base import Context, Handler, Made, Properties


class WaitConditionHandle(Handler):
    def create(self, context: Context, properties: Properties) -> Made:
        return Made(context.name(255))

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        return Made(physical_id)


class Metadata(WaitConditionHandle):
    """AWS::CDK::Metadata: what CDK writes beside what it synthesizes; it does nothing."""

    known = frozenset({"Analytics"})
