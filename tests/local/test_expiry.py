"""Time to live: late, as DynamoDB is, and never sooner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
from moto import mock_aws

from hermes_cfn.local.moto_side import backend
from hermes_cfn.local.services.expiry import expire

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_items_go_days_after_their_time_and_only_where_it_is_switched_on():
    ages = {"soon": -60, "just": 60, "yesterday": 86400, "long": 3 * 86400, "ancient": 6 * 365 * 86400}
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-south-2", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for name, age_s in ages.items():
            until = int((NOW - timedelta(seconds=age_s)).timestamp())
            client.put_item(TableName="t", Item={"id": {"S": name}, "expires": {"N": str(until)}})
        client.put_item(TableName="t", Item={"id": {"S": "text"}, "expires": {"S": "1"}})
        client.put_item(TableName="t", Item={"id": {"S": "none"}})
        table = backend("dynamodb", "eu-south-2", "123456789012").tables["t"]
        assert expire(table, NOW) == 0
        client.update_time_to_live(TableName="t", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
        assert expire(table, NOW) == 1
        left = {item["id"]["S"] for item in client.scan(TableName="t")["Items"]}
    assert left == {*ages, "text", "none"} - {"long"}
