"""A worker beside the web process on the embedded cloud: deployed, told of, and its lines told from the others'."""

import json

from hermes_cfn.local.options import Options

BASE = "[application]\nmemory_mib = 256\nmigrate = []\n[compute]\ncount = 1\n[release]\nstrategy = 'surge'\n"


def worker(script):
    return f"[processes.worker]\ncommand = ['sh', '-c', {json.dumps(script)}]\nmemory_mib = 64\nalive_s = 1\n"


def test_a_worker_beside_the_web_process(new_cloud, tmp_path):
    cloud = new_cloud(tmp_path)
    try:
        cloud.deploy(
            BASE + worker("echo $WORD from the worker; while :; do sleep 1; done") + "env = { WORD = 'hello' }\n",
            Options(follow_parent=True),
        )
        (line,) = cloud.json("status --no-bill")["instances"]
        assert line["processes"] == {"worker-1": "running"}
        said = [json.loads(one) for one in cloud.type("logs --process worker --since 1d --format json").splitlines()]
        assert {one["process"] for one in said} == {"worker"}
    finally:
        cloud.stop()
