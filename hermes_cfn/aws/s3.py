"""S3: the artifacts bucket, and emptying buckets that are to go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls


def _ours(bucket: str) -> dict[str, str]:
    """The bucket, and the account that must own it: the one in its name.

    Whoever knows that name may make the bucket in an account of their own where ours is not there; S3 then answers
    AccessDenied (S3 user guide, "Verifying bucket ownership with bucket owner condition").
    """
    named = re.search(r"-([0-9]{12})-", bucket)
    return {"Bucket": bucket, **({"ExpectedBucketOwner": named[1]} if named else {})}


class S3:
    """Buckets, seen from one region; those with an account in their names are that account's, or nobody's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def put(self, bucket: str, key: str, body: bytes, **headers: Any) -> str:
        """The version that is written; empty in a bucket without versions."""
        return str(self._calls.put_object(**_ours(bucket), Key=key, Body=body, **headers).get("VersionId", ""))

    def get(self, bucket: str, key: str) -> bytes | None:
        """The object's bytes, or None."""
        try:
            return bytes(self._calls.get_object(**_ours(bucket), Key=key)["Body"].read())
        except AwsError as error:
            if error.code in {"NoSuchKey", "NoSuchBucket", "404"}:
                return None
            raise

    def objects(self, bucket: str, prefix: str = "") -> Iterator[tuple[str, datetime]]:
        """Keys under a prefix, with the time of their last change; none where the bucket is not there yet."""
        try:
            for item in self._calls.pages("list_objects_v2", "Contents", **_ours(bucket), Prefix=prefix):
                yield item["Key"], item["LastModified"]
        except AwsError as error:
            if error.code != "NoSuchBucket":
                raise

    def holds_any(self, bucket: str) -> bool:
        """Whether there is an object, or a version of one."""
        found = self._calls.list_object_versions(**_ours(bucket), MaxKeys=1)
        return bool(found.get("Versions") or found.get("DeleteMarkers"))

    def exists(self, bucket: str) -> str:
        """``ours``, ``taken`` (by another account) or ``free``."""
        try:
            self._calls.head_bucket(**_ours(bucket))
        except AwsError as error:
            if error.code in {"404", "NoSuchBucket", "NotFound"}:
                return "free"
            if error.code in {"403", "AccessDenied", "Forbidden"}:
                return "taken"
            raise
        return "ours"

    def empty(self, bucket: str) -> int:
        """Deletes every version of every object; answers how many."""
        count = 0
        for kind in ("Versions", "DeleteMarkers"):
            batch: list[dict[str, str]] = []
            for item in list(self._calls.pages("list_object_versions", kind, **_ours(bucket))):
                batch.append({"Key": item["Key"], "VersionId": item["VersionId"]})
            for at in range(0, len(batch), 1000):
                self._calls.delete_objects(**_ours(bucket), Delete={"Objects": batch[at : at + 1000], "Quiet": True})
            count += len(batch)
        return count

    @staticmethod
    def url(bucket: str, region: str, key: str, version: str = "") -> str:
        """The address by which CloudFormation reads a template, of exactly one version where there are versions."""
        return f"https://{bucket}.s3.{region}.amazonaws.com/{key}" + (f"?versionId={version}" if version else "")
