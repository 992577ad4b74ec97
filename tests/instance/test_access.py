"""The program that hands out the application's role, asked by a real SDK: found, refreshed, refused, and out of others' reach."""

import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore.session
import pytest

from hermes_cfn.config import parse
from hermes_cfn.config.extras import ExtraFile
from hermes_cfn.instance import documents
from hermes_cfn.names import Names

AWS = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
count = here / "count"
count.write_text(str(int(count.read_text()) + 1))
if (here / "refused").exists():
    sys.exit("An error occurred (AccessDenied)")
print(json.dumps({{"Credentials": {{"AccessKeyId": "ASIA" + count.read_text(), "SecretAccessKey": "s", "SessionToken": "t",
    "Expiration": (here / "until").read_text()}}, "asked": sys.argv[1:]}}))
"""
ROLE = "arn:aws:iam::123456789012:role/hermes/production/hermes-production-application"


class Instance:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.bin = home / "bin"
        self.bin.mkdir()
        self.tool("aws", AWS.format(python=sys.executable))
        self.tool("systemctl", "#!/bin/sh\nexit 3\n")
        self.tool("systemd-run", f'#!/bin/sh\necho "$@" >{home}/started\n')
        (self.bin / "count").write_text("0")
        self.lasts(3600)
        (home / "instance-id").write_text("i-0123456789abcdef0")
        (home / "access.py").write_text(documents.python("access").replace("@ROLE@", ROLE))
        address = f"127.{random.randint(2, 200)}.{random.randint(1, 250)}.{random.randint(2, 250)}"
        paths = f"{self.bin}:{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": paths, "HERMES_BIND": address, "AWS_REGION": "eu-south-2"}
        (home / ".env").write_text("BUCKET=b\nAWS_REGION=eu-west-1\n")
        subprocess.run([sys.executable, home / "access.py", home / ".env"], env=self.env, check=True, cwd=home)
        self.told = dict(line.split("=", 1) for line in (home / ".env").read_text().splitlines())
        self.server = subprocess.Popen([sys.executable, home / "access.py"], env=self.env, cwd=home)

    def tool(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def lasts(self, seconds: float) -> None:
        (self.bin / "until").write_text((datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds"))

    @property
    def asked(self) -> int:
        return int((self.bin / "count").read_text())

    def get(self, token: str) -> tuple[int, dict[str, str]]:
        request = urllib.request.Request(
            self.told["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"Authorization": token}
        )
        for _ in range(200):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
            except OSError:
                time.sleep(0.05)
        raise AssertionError("it does not answer")


@pytest.fixture
def instance(tmp_path):
    made = Instance(tmp_path)
    yield made
    made.server.kill()
    made.server.wait()


def test_a_real_sdk_finds_the_credentials_and_refreshes_them(instance, monkeypatch):
    token = instance.told["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    assert instance.get(token)[1]["RoleArn"] == ROLE
    assert instance.asked == 1, "asked again while it holds"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"):
        monkeypatch.setenv(name, instance.told[name])
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    found = botocore.session.Session().get_credentials()
    assert found.method == "container-role"
    assert found.get_frozen_credentials().access_key == "ASIA1"
    instance.server.kill()
    instance.server.wait()
    instance.lasts(60)
    instance.server = subprocess.Popen(
        [sys.executable, instance.home / "access.py"], env=instance.env, cwd=instance.home
    )
    assert instance.get(token)[1]["AccessKeyId"] == "ASIA2"
    near = botocore.session.Session().get_credentials()
    before = near.get_frozen_credentials().access_key
    instance.lasts(3600)
    assert near.get_frozen_credentials().access_key > before, "one that ends within minutes is asked for anew"
    held = instance.asked
    assert near.get_frozen_credentials().access_key == f"ASIA{held}"
    assert instance.asked == held


def test_without_the_token_nothing_is_told_and_a_role_that_is_refused_says_so(instance):
    assert instance.get("wrong")[0] == 403
    assert instance.asked == 0
    (instance.bin / "refused").touch()
    status, body = instance.get(instance.told["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
    assert status == 500 and body["code"] == "RoleNotAssumed" and "AccessDenied" in body["message"]
    assert (instance.home / "access-token").stat().st_mode & 0o077 == 0
    assert instance.told["AWS_REGION"] == "eu-west-1", "what hermes.toml says stays"
    assert "--unit=hermes-access" in (instance.home / "started").read_text()


QUEUE = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"QueueArn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}},
}


def test_instances_fetch_it_only_where_something_is_granted():
    files = (ExtraFile("work", "extras/work.template.json", json.dumps(QUEUE)),)
    granted = parse('[access]\nread = ["extras.work"]\n', files=files)
    place = Names.of(granted).access_parameter
    for text in (documents.user_data(granted), json.dumps(documents.document("deploy", granted))):
        assert place in text and "access.py" in text
    assert len(documents.user_data(granted).encode()) <= documents.USER_DATA_LIMIT
    assert len(documents.python("access")) + len(ROLE) <= 4096, "a parameter's value has 4 KB (Systems Manager quotas)"
    plain = parse("")
    assert "access.py" not in documents.user_data(plain) + json.dumps(documents.document("deploy", plain))
