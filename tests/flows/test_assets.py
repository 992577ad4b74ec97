"""Static files are taken out of the image that is released, and CloudFront forgets what changed under its name."""

from datetime import UTC, datetime
from types import SimpleNamespace as Some

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError
from hermes_cfn.flows import assets
from hermes_cfn.names import Names

DOCKER = """#!/usr/bin/env python3
import io, os, sys, tarfile
with open(os.environ["DOCKER_CALLS"], "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "create":
    print("c0ffee")
elif sys.argv[1] == "export":
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name, content in (
            ("app/lib/hermes-1.2.0/priv/static/assets/app-0123456789abcdef.js", b"1"),
            ("app/lib/hermes-1.2.0/priv/static/cache_manifest.json", b"{}"),
            ("app/lib/phoenix-1.7.0/priv/static/phoenix.js", b"not ours"),
            ("app/lib/hermes-1.2.0/priv/repo/seeds.exs", b"not static"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
"""
ARN = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker that knows one image; what it was asked."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("DOCKER_CALLS", str(tmp_path / "calls"))
    return lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []


def context(text, stored, invalidated):
    settings = parse(text)
    names = Names.of(settings, "123456789012")
    pinned = "123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes@sha256:0f"
    ecr = Some(
        image=lambda repository, reference: Some(pinned=pinned) if reference == "v1" else None,
        login=lambda: ("AWS", "secret", "123456789012.dkr.ecr.eu-south-2.amazonaws.com"),
        uri=lambda repository: pinned.partition("@")[0],
        images=lambda repository: [],
    )
    s3 = Some(
        objects=lambda bucket: [],
        put=lambda bucket, key, body, **headers: stored.update({key: (body, headers["CacheControl"])}),
    )
    formation = Some(observe=lambda name: Some(outputs={"DistributionArn": ARN}))
    calls = Some(create_invalidation=lambda **asked: invalidated.append(asked) or {})
    clients = Some(ecr=ecr, s3=s3, cloudformation=lambda region: formation, calls=lambda service, region: calls)
    return Some(
        settings=settings,
        names=names,
        deployment=stacks.build(settings),
        clients=clients,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_what_the_application_serves_is_taken_out_of_the_image_and_nothing_else(docker):
    stored, invalidated = {}, []
    list(assets.release(context("[edge]\nassets = true\n[worldwide]\ncloudfront = true\n", stored, invalidated), "v1"))
    assert stored == {
        "assets/app-0123456789abcdef.js": (b"1", assets.FOREVER), "cache_manifest.json": (b"{}", assets.ANEW),
    }  # fmt: skip
    (asked,) = invalidated
    assert asked["DistributionId"] == "EDFDVBD6EXAMPLE"
    assert asked["InvalidationBatch"]["Paths"]["Items"] == ["/cache_manifest.json"]
    assert [call.split()[0] for call in docker()] == ["login", "pull", "create", "export", "rm"]
    assert not any("secret" in call for call in docker())


def test_without_a_bucket_docker_is_not_asked(docker):
    (ended,) = assets.release(context("", {}, []), "v1")
    assert "edge.assets is off" in ended.detail
    assert docker() == []


def test_an_image_that_is_not_there_is_told(docker):
    with pytest.raises(HermesError) as caught:
        list(assets.release(context("[edge]\nassets = true\n", {}, []), "v9"))
    assert caught.value.findings[0].code == "image-unknown"
