"""Static files through CloudFront: what carries a digest goes first, for ever; what names it is asked for anew and forgotten."""

import pytest

pytestmark = pytest.mark.long

CONFIGURATION = """
[edge]
assets = true
[worldwide]
cloudfront = true
"""
FOREVER, ANEW = "public, max-age=31536000, immutable", "public, no-cache"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    made = new_cloud(tmp_path_factory.mktemp("assets"))
    try:
        made.deploy(CONFIGURATION)
        yield made
    finally:
        made.stop()


def stored(cloud) -> tuple[dict[str, str], list[str]]:
    """Cache-Control of each object, and the keys in the order in which they were written last."""
    s3 = cloud.client("s3")
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if "assets" in one["Name"])
    found = sorted(s3.list_objects_v2(Bucket=bucket)["Contents"], key=lambda one: one["LastModified"])
    keys = [one["Key"] for one in found]
    return {key: s3.head_object(Bucket=bucket, Key=key)["CacheControl"] for key in keys}, keys


def invalidated(cloud) -> list[list[str]]:
    """The paths of each invalidation of our distribution, oldest first."""
    front = cloud.client("cloudfront")
    (distribution,) = front.list_distributions()["DistributionList"]["Items"]
    listed = front.list_invalidations(DistributionId=distribution["Id"])["InvalidationList"].get("Items", [])
    told = [
        front.get_invalidation(DistributionId=distribution["Id"], Id=one["Id"])["Invalidation"]
        for one in sorted(listed, key=lambda one: one["CreateTime"])
    ]
    return [sorted(one["InvalidationBatch"]["Paths"]["Items"]) for one in told]


def test_only_what_has_no_digest_is_forgotten_and_everything_old_stays(cloud) -> None:
    files = cloud.directory / "static"
    (files / "assets").mkdir(parents=True)
    (files / "assets/app-0a1b2c3d.js").write_text("1")
    (files / "assets/logo-89abcdef.svg").write_text("<svg/>")
    (files / "index.html").write_text("<script src=assets/app-0a1b2c3d.js>")
    cloud.type("deploy --assets static --yes")
    first = {"assets/app-0a1b2c3d.js": FOREVER, "assets/logo-89abcdef.svg": FOREVER, "index.html": ANEW}
    cached, order = stored(cloud)
    assert cached == first and order[-1] == "index.html"
    assert invalidated(cloud) == [["/index.html"]]

    (files / "assets/app-0a1b2c3d.js").unlink()
    (files / "assets/app-ffffffff.js").write_text("2")
    (files / "index.html").write_text("<script src=assets/app-ffffffff.js>")
    said = cloud.type("deploy --assets static --yes")
    assert said.index("2 of 3 files") < said.index("==> release")
    cached, order = stored(cloud)
    assert cached == {**first, "assets/app-ffffffff.js": FOREVER}
    assert order[-2:] == ["assets/app-ffffffff.js", "index.html"]
    assert invalidated(cloud) == [["/index.html"]] * 2
