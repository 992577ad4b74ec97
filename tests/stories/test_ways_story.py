"""The rules that ``[ingress]`` and ``[routes]`` make, asked at the embedded cloud's load balancer."""

import http.client
import ssl

import pytest

from hermes_cfn.local import control

INGRESS = """
[ingress]
redirect_hosts = ["www.hermes.yourdomain.com"]
headers = { X-Frame-Options = "DENY" }
maintenance = true
[routes.old]
priority = 100
paths = ["/old/*"]
redirect = "/new/#{path}"
status = 302
[routes.robots]
priority = 110
paths = ["/robots.txt"]
answer = "no"
[routes.admin]
priority = 120
paths = ["/admin"]
allowed_addresses = ["203.0.113.0/24"]
"""


@pytest.fixture(scope="module")
def cloud(new_cloud, tmp_path_factory):
    made = new_cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy(INGRESS)
        yield made
    finally:
        made.stop()


def visit(cloud, path: str, host: str = "hermes.yourdomain.com"):
    """What a visitor gets: status, headers in lower case, and body."""
    (where,) = [one["https"] for one in control.status(cloud.state).load_balancers.values() if "https" in one]
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(where, context=tls, timeout=20)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    body = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def test_the_rules_of_the_file_answer(cloud) -> None:
    status, headers, _ = visit(cloud, "/health")
    assert status == 200 and headers["x-frame-options"] == "DENY"
    status, headers, _ = visit(cloud, "/a?b=c", "www.hermes.yourdomain.com")
    assert (status, headers["location"]) == (301, "https://hermes.yourdomain.com/a?b=c")
    status, headers, _ = visit(cloud, "/old/x")
    assert (status, headers["location"]) == (302, "https://hermes.yourdomain.com/new/old/x")
    assert visit(cloud, "/robots.txt")[::2] == (200, "no")
    assert visit(cloud, "/admin")[0] == 403, "this machine is not of the range"
