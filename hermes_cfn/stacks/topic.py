"""Where alarms go: a topic with people behind it, one a region, for an alarm calls only a topic of its own region."""

from __future__ import annotations

from awacs.aws import Action, Allow, Principal, Statement
from troposphere import Ref, Template, sns

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.stacks.common import text, waive
from hermes_cfn.stacks.roles import policy, when


def alarm_topic(stack: Template, settings: Settings, names: Names) -> Ref:
    """The topic, its subscribers by e-mail, and who may publish."""
    topic = stack.add_resource(sns.Topic("Topic", TopicName=names.topic, DisplayName=names.topic))
    waive(
        topic,
        {
            "CKV_AWS_26": "AWS's own key does not let alarms publish; one of our own costs USD 1 a month, and alarms hold no secret"
        },
    )
    for number, address in enumerate(settings.watch.emails, start=1):
        stack.add_resource(
            sns.SubscriptionResource(f"Email{number}", TopicArn=Ref(topic), Protocol="email", Endpoint=address)
        )
    rules = f"arn:aws:events:*:{names.account}:rule/" + names.alarm("*")
    stack.add_resource(
        sns.TopicPolicy(
            "TopicPolicy",
            Topics=[Ref(topic)],
            PolicyDocument=policy(
                Statement(
                    Sid="Alarms",
                    Effect=Allow,
                    Principal=Principal("Service", "cloudwatch.amazonaws.com"),
                    Action=[Action("sns", "Publish")],
                    Resource=[Ref(topic)],
                    Condition=when({"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}),
                ),
                # EventBridge names the rule, and not the account (EventBridge user guide, "Permissions for Amazon SNS targets").
                Statement(
                    Sid="Events",
                    Effect=Allow,
                    Principal=Principal("Service", "events.amazonaws.com"),
                    Action=[Action("sns", "Publish")],
                    Resource=[Ref(topic)],
                    Condition=when({"ArnLike": {"aws:SourceArn": text(rules)}}),
                ),
            ),
        )
    )
    return Ref(topic)
