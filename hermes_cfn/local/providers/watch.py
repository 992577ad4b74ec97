"""Logs, alarms, dashboards, topics, trails, budgets, events."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import (
    Context,
    Failure,
    Gone,
    Handler,
    Made,
    Properties,
    boolean,
    changed,
    missing,
    pick,
    tag_changes,
    whole,
)
from hermes_cfn.local.providers.ec2_common import asked, quietly
from hermes_cfn.local.providers.iam import document


class LogGroup(Handler):
    known = frozenset({"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        logs = context.client("logs")
        name = properties.get("LogGroupName") or context.name(512)
        given: dict[str, Any] = {"tags": context.tag_map(properties)} if context.tag_map(properties) else {}
        if "KmsKeyId" in properties:
            given["kmsKeyId"] = properties["KmsKeyId"]
        if "LogGroupClass" in properties:
            given["logGroupClass"] = properties["LogGroupClass"]
        logs.create_log_group(logGroupName=name, **given)
        context.took(name)
        self._retention(logs, name, properties)
        return self.describe(context, name, properties)

    def _retention(self, logs: Any, name: str, properties: Properties) -> None:
        if "RetentionInDays" in properties:
            logs.put_retention_policy(logGroupName=name, retentionInDays=whole(properties["RetentionInDays"]))
        else:
            quietly(logs.delete_retention_policy, logGroupName=name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        logs = context.client("logs")
        if changed(before, after, "RetentionInDays"):
            self._retention(logs, physical_id, after)
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        arn = f"arn:aws:logs:{context.region}:{context.account}:log-group:{physical_id}"
        if put:
            logs.tag_resource(resourceArn=arn, tags={tag["Key"]: tag["Value"] for tag in put})
        if gone:
            logs.untag_resource(resourceArn=arn, tagKeys=gone)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("logs").delete_log_group, logGroupName=physical_id)

    def _find(self, context: Context, name: str) -> Any:
        found = context.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return next((each for each in found if each["logGroupName"] == name), None)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self._find(context, physical_id) is None:
            raise Gone(physical_id)
        return Made(physical_id, {"Arn": f"arn:aws:logs:{context.region}:{context.account}:log-group:{physical_id}:*"})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        kept = (
            {"RetentionInDays": found["retentionInDays"]} if "retentionInDays" in found else {"RetentionInDays": None}
        )
        return {"LogGroupName": found["logGroupName"], **kept}

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("LogGroupName")
        return name if name and self._find(context, name) is not None else None


class MetricFilter(Handler):
    known = frozenset(
        {"LogGroupName", "FilterName", "FilterPattern", "MetricTransformations", "ApplyOnTransformedLogs"}
    )

    def _put(self, context: Context, name: str, properties: Properties) -> None:
        transformations = []
        for each in properties["MetricTransformations"]:
            made = {key[0].lower() + key[1:]: value for key, value in each.items()}
            if "defaultValue" in made:
                made["defaultValue"] = float(made["defaultValue"])
            if isinstance(made.get("dimensions"), list):
                made["dimensions"] = {item["Key"]: item["Value"] for item in made["dimensions"]}
            transformations.append(made)
        context.client("logs").put_metric_filter(
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties.get("FilterPattern", ""),
            metricTransformations=transformations,
        )

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties.get("FilterName") or context.name(512)
        self._put(context, name, properties)
        return Made(name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._put(context, physical_id, after)
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            context.client("logs").delete_metric_filter,
            logGroupName=properties["LogGroupName"],
            filterName=physical_id,
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = asked(
            context.client("logs").describe_metric_filters,
            logGroupName=properties["LogGroupName"],
            filterNamePrefix=physical_id,
        )
        for each in reversed(found.get("metricFilters", [])):  # moto adds where AWS overwrites
            if each["filterName"] == physical_id:
                return {"FilterPattern": each.get("filterPattern", ""), "LogGroupName": properties["LogGroupName"]}
        return None


_ALARM = [
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
]
_ALARM_NUMBERS = frozenset({"EvaluationPeriods", "DatapointsToAlarm", "Period"})


class Alarm(Handler):
    named = "AlarmName"
    known = frozenset({"AlarmName", "Tags", *_ALARM})

    def _put(self, context: Context, name: str, properties: Properties) -> None:
        given = pick(properties, *_ALARM)
        for key in _ALARM_NUMBERS & set(given):
            given[key] = whole(given[key])
        if "Threshold" in given:
            given["Threshold"] = float(given["Threshold"])
        if "ActionsEnabled" in given:
            given["ActionsEnabled"] = boolean(given["ActionsEnabled"])
        if "Metrics" in given:
            given["Metrics"] = [_query(each) for each in given["Metrics"]]
        context.client("cloudwatch").put_metric_alarm(AlarmName=name, **given)

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties.get("AlarmName") or context.name(255)
        self._put(context, name, properties)
        return self._made(context, name)

    def _made(self, context: Context, name: str) -> Made:
        return Made(name, {"Arn": f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._put(context, physical_id, after)
        return self._made(context, physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("cloudwatch").delete_alarms, AlarmNames=[physical_id])

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = context.client("cloudwatch").describe_alarms(AlarmNames=[physical_id])["MetricAlarms"]
        if not found:
            return None
        return pick(
            found[0], "MetricName", "Namespace", "Threshold", "ComparisonOperator", "EvaluationPeriods", "Period"
        )

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self.read(context, physical_id, properties) is None:
            raise Gone(physical_id)
        return self._made(context, physical_id)


def _query(given: Any) -> dict[str, Any]:
    made = dict(given)
    if "ReturnData" in made:
        made["ReturnData"] = boolean(made["ReturnData"])
    if "Period" in made:
        made["Period"] = whole(made["Period"])
    if "MetricStat" in made:
        made["MetricStat"] = {**made["MetricStat"], "Period": whole(made["MetricStat"]["Period"])}
    return made


class CompositeAlarm(Handler):
    known = frozenset(
        {
            "AlarmName",
            "AlarmRule",
            "AlarmDescription",
            "AlarmActions",
            "OKActions",
            "InsufficientDataActions",
            "ActionsEnabled",
        }
    )

    def _put(self, context: Context, name: str, properties: Properties) -> Made:
        given = {key: value for key, value in properties.items() if key != "AlarmName"}
        context.client("cloudwatch").put_composite_alarm(AlarmName=name, **given)
        return Made(name, {"Arn": f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"})

    def create(self, context: Context, properties: Properties) -> Made:
        return self._put(context, properties.get("AlarmName") or context.name(255), properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        return self._put(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("cloudwatch").delete_alarms, AlarmNames=[physical_id])


class Dashboard(Handler):
    named = "DashboardName"
    known = frozenset({"DashboardName", "DashboardBody"})

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties.get("DashboardName") or context.name(255)
        context.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=properties["DashboardBody"])
        return Made(name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        context.client("cloudwatch").put_dashboard(DashboardName=physical_id, DashboardBody=after["DashboardBody"])
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("cloudwatch").delete_dashboards, DashboardNames=[physical_id])

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("cloudwatch").get_dashboard(DashboardName=physical_id)
        except ClientError as error:
            if missing(error, "ResourceNotFound"):
                return None
            raise
        return {"DashboardName": physical_id, "DashboardBody": found["DashboardBody"]}


class Topic(Handler):
    named = "TopicName"
    known = frozenset({"TopicName", "DisplayName", "Subscription", "KmsMasterKeyId", "FifoTopic", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        sns = context.client("sns")
        attributes = {key: str(properties[key]) for key in ("DisplayName", "KmsMasterKeyId") if key in properties}
        if boolean(properties.get("FifoTopic")):
            attributes["FifoTopic"] = "true"
        made = sns.create_topic(
            Name=properties.get("TopicName") or context.name(256), Attributes=attributes, Tags=context.tags(properties)
        )
        arn = made["TopicArn"]
        context.took(arn)
        for each in properties.get("Subscription") or []:
            sns.subscribe(TopicArn=arn, Protocol=each["Protocol"], Endpoint=each["Endpoint"])
        return self._made(arn)

    def identifier(self, context: Context, name: str) -> str:
        return f"arn:aws:sns:{context.region}:{context.account}:{name}"

    def _made(self, arn: str) -> Made:
        return Made(arn, {"TopicArn": arn, "TopicName": arn.rpartition(":")[2]})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        sns = context.client("sns")
        for key in ("DisplayName", "KmsMasterKeyId"):
            if changed(before, after, key):
                sns.set_topic_attributes(
                    TopicArn=physical_id, AttributeName=key, AttributeValue=str(after.get(key, ""))
                )
        old, new = before.get("Subscription") or [], after.get("Subscription") or []
        for each in [each for each in new if each not in old]:
            sns.subscribe(TopicArn=physical_id, Protocol=each["Protocol"], Endpoint=each["Endpoint"])
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            sns.tag_resource(ResourceArn=physical_id, Tags=put)
        if gone:
            sns.untag_resource(ResourceArn=physical_id, TagKeys=gone)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("sns").delete_topic, TopicArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("sns").get_topic_attributes(TopicArn=physical_id)["Attributes"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return {"DisplayName": found.get("DisplayName", "")}

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self.read(context, physical_id, properties) is None:
            raise Gone(physical_id)
        return self._made(physical_id)


class TopicPolicy(Handler):
    known = frozenset({"PolicyDocument", "Topics"})

    def create(self, context: Context, properties: Properties) -> Made:
        for topic in properties["Topics"]:
            context.client("sns").set_topic_attributes(
                TopicArn=topic, AttributeName="Policy", AttributeValue=document(properties["PolicyDocument"])
            )
        return Made(context.name(128))

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.create(context, after)
        return Made(physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        sns = context.underneath().client("sns")
        try:
            found = [
                json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
                for topic in properties["Topics"]
            ]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return {"PolicyDocument": next((one for one in found if one != properties["PolicyDocument"]), found[0])}


class Subscription(Handler):
    known = frozenset({"TopicArn", "Protocol", "Endpoint", "FilterPolicy", "RawMessageDelivery"})

    def create(self, context: Context, properties: Properties) -> Made:
        attributes: dict[str, str] = {}
        if "FilterPolicy" in properties:
            attributes["FilterPolicy"] = document(properties["FilterPolicy"])
        if "RawMessageDelivery" in properties:
            attributes["RawMessageDelivery"] = str(boolean(properties["RawMessageDelivery"])).lower()
        made = context.client("sns").subscribe(
            **pick(properties, "TopicArn", "Protocol", "Endpoint"), Attributes=attributes, ReturnSubscriptionArn=True
        )
        return Made(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("sns").unsubscribe, SubscriptionArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("sns").get_subscription_attributes(SubscriptionArn=physical_id)["Attributes"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return pick(found, "TopicArn", "Protocol", "Endpoint")


class Trail(Handler):
    known = frozenset(
        {
            "TrailName",
            "S3BucketName",
            "S3KeyPrefix",
            "IsLogging",
            "IsMultiRegionTrail",
            "IncludeGlobalServiceEvents",
            "EnableLogFileValidation",
            "CloudWatchLogsLogGroupArn",
            "CloudWatchLogsRoleArn",
            "KMSKeyId",
            "SnsTopicName",
            "EventSelectors",
            "Tags",
        }
    )

    def _given(self, properties: Properties) -> dict[str, Any]:
        given = pick(
            properties,
            "S3BucketName",
            "S3KeyPrefix",
            "CloudWatchLogsLogGroupArn",
            "CloudWatchLogsRoleArn",
            "SnsTopicName",
        )
        for key in ("IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation"):
            if key in properties:
                given[key] = boolean(properties[key])
        if "KMSKeyId" in properties:
            given["KmsKeyId"] = properties["KMSKeyId"]
        return given

    def create(self, context: Context, properties: Properties) -> Made:
        trail = context.client("cloudtrail")
        name = properties.get("TrailName") or context.name(128)
        made = trail.create_trail(Name=name, TagsList=context.tags(properties), **self._given(properties))
        context.took(name)
        self._rest(trail, name, properties)
        return Made(name, {"Arn": made["TrailARN"], "SnsTopicArn": made.get("SnsTopicARN", "")})

    def _rest(self, trail: Any, name: str, properties: Properties) -> None:
        (trail.start_logging if boolean(properties["IsLogging"]) else trail.stop_logging)(Name=name)
        if "EventSelectors" in properties:
            trail.put_event_selectors(TrailName=name, EventSelectors=properties["EventSelectors"])

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        trail = context.client("cloudtrail")
        made = trail.update_trail(Name=physical_id, **self._given(after))
        self._rest(trail, physical_id, after)
        return Made(physical_id, {"Arn": made["TrailARN"], "SnsTopicArn": made.get("SnsTopicARN", "")})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("cloudtrail").delete_trail, Name=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("cloudtrail").get_trail(Name=physical_id)["Trail"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return pick(found, "S3BucketName", "IsMultiRegionTrail")


class Budget(Handler):
    known = frozenset({"Budget", "NotificationsWithSubscribers", "ResourceTags"})

    def _budget(self, context: Context, name: str, properties: Properties) -> dict[str, Any]:
        given = dict(properties["Budget"])
        given["BudgetName"] = name
        if "BudgetLimit" in given:
            limit = given["BudgetLimit"]
            given["BudgetLimit"] = {"Amount": str(limit["Amount"]), "Unit": limit["Unit"]}
        return given

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties["Budget"].get("BudgetName") or context.name(100)
        notifications = []
        for each in properties.get("NotificationsWithSubscribers") or []:
            notice = {**each["Notification"], "Threshold": float(each["Notification"]["Threshold"])}
            notifications.append({"Notification": notice, "Subscribers": each["Subscribers"]})
        context.client("budgets").create_budget(
            AccountId=context.account,
            Budget=self._budget(context, name, properties),
            **({"NotificationsWithSubscribers": notifications} if notifications else {}),
        )
        return Made(name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.delete(context, physical_id, before)
        budget = {**after["Budget"], "BudgetName": physical_id}
        return self.create(context, {**after, "Budget": budget})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("budgets").delete_budget, AccountId=context.account, BudgetName=physical_id)


class Rule(Handler):
    """AWS::Events::Rule."""

    named = "Name"
    known = frozenset({"Name", "Description", "EventPattern", "ScheduleExpression", "State", "Targets", "EventBusName"})

    def _put(self, context: Context, name: str, properties: Properties) -> Made:
        events = context.client("events")
        given = pick(properties, "Description", "ScheduleExpression", "State", "EventBusName")
        if "EventPattern" in properties:
            given["EventPattern"] = json.dumps(properties["EventPattern"])
        arn = events.put_rule(Name=name, **given)["RuleArn"]
        context.took(name)
        if properties.get("Targets"):
            made = events.put_targets(Rule=name, Targets=properties["Targets"], **pick(properties, "EventBusName"))
            if made.get("FailedEntryCount"):
                raise Failure(made["FailedEntries"][0].get("ErrorMessage", "targets were refused"))
        return Made(name, {"Arn": arn})

    def create(self, context: Context, properties: Properties) -> Made:
        return self._put(context, properties.get("Name") or context.name(64), properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        gone = [each["Id"] for each in before.get("Targets") or [] if each not in (after.get("Targets") or [])]
        if gone:
            context.client("events").remove_targets(Rule=physical_id, Ids=gone, **pick(before, "EventBusName"))
        return self._put(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        events = context.client("events")
        ids = [each["Id"] for each in properties.get("Targets") or []]
        if ids:
            quietly(events.remove_targets, Rule=physical_id, Ids=ids, **pick(properties, "EventBusName"))
        quietly(events.delete_rule, Name=physical_id, **pick(properties, "EventBusName"))

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("events").describe_rule(Name=physical_id, **pick(properties, "EventBusName"))
        except ClientError as error:
            if missing(error):
                return None
            raise
        shown = pick(found, "Description", "ScheduleExpression", "State")
        return {**shown, "EventPattern": json.loads(found["EventPattern"])} if found.get("EventPattern") else shown
