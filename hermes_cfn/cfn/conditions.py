"""Where AWS says that a change *perhaps* replaces a resource, and the resource itself says that it does not.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-document.html
"""

from __future__ import annotations

from hermes_cfn.cfn.template import Resource


def kept(resource: Resource) -> str:
    """Why a change of a conditional create-only property leaves the resource in place; empty where it may not."""
    match resource.type:
        case "AWS::AutoScaling::AutoScalingGroup":
            policy = (resource.update_policy or {}).get("AutoScalingReplacingUpdate") or {}
            return "" if str(policy.get("WillReplace", False)).lower() == "true" else "no update policy replaces it"
        case "AWS::SSM::Document" if resource.properties.get("UpdateMethod") == "NewVersion":
            return "it gets a new version"
    return ""
