"""Every call on a bucket that has an account in its name asks that the account owns it."""

from datetime import UTC, datetime

import pytest

from hermes_cfn.aws.s3 import S3
from hermes_cfn.config import parse
from hermes_cfn.names import Names

ACCOUNT = "123456789012"
NAMES = Names.of(parse(""), ACCOUNT)
BUCKETS = [NAMES.artifacts_bucket, NAMES.assets_bucket, NAMES.logs_bucket, NAMES.trail_bucket]


class Heard:
    """Calls that keep what they were asked."""

    def __init__(self):
        self.asked = []

    def pages(self, name, key, **given):
        self.asked.append((name, given))
        return iter([{"Key": "k", "VersionId": "1", "LastModified": datetime.now(UTC)}])

    def __getattr__(self, name):
        def call(**given):
            self.asked.append((name, given))
            body = type("Body", (), {"read": staticmethod(lambda: b"")})
            return {"Body": body}

        return call


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_call_names_the_owner(bucket):
    heard = Heard()
    door = S3(heard)
    door.put(bucket, "k", b"")
    door.get(bucket, "k")
    list(door.objects(bucket))
    door.holds_any(bucket)
    door.exists(bucket)
    door.empty(bucket)
    public = {name for name in vars(S3) if not name.startswith("_")}
    assert public == {"put", "get", "objects", "holds_any", "exists", "empty", "url"}
    assert len(heard.asked) >= 7
    assert {given.get("ExpectedBucketOwner") for _, given in heard.asked} == {ACCOUNT}


def test_a_bucket_without_an_account_in_its_name_is_asked_for_plainly():
    heard = Heard()
    S3(heard).exists("somebody-elses")
    assert heard.asked == [("head_bucket", {"Bucket": "somebody-elses"})]
