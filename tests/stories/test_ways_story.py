"""One story, in order: rules at the load balancer, its maintenance page, and a staging that shares it, on one embedded cloud."""

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
SHARING = (
    INGRESS
    + """
[environments.staging.environment]
shares = "production"
[environments.staging.routes]
[environments.staging.compute]
count = 1
[environments.staging.certificate]
domain = "staging.hermes.yourdomain.com"
[environments.staging.ingress]
listener_priority = 200
maintenance = false
redirect_hosts = []
headers = {}
"""
)


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


def test_maintenance_is_a_page_without_a_release_and_a_release_goes_on_under_it(cloud) -> None:
    assert cloud.json("maintenance show") == {"maintenance": "off"}
    cloud.type("maintenance on")
    status, _, body = visit(cloud, "/")
    assert status == 503 and "back soon" in body
    assert visit(cloud, "/health")[0] == 200
    assert {stack["action"] for stack in cloud.json("plan")["stacks"]} == {"unchanged"}
    cloud.type("release --image v2 --yes")
    cloud.type("deploy --yes --stacks-only")
    assert cloud.json("maintenance show") == {"maintenance": "on"}, "a deployment leaves it as it is"
    cloud.type("maintenance off")
    assert visit(cloud, "/health")[0] == 200 and visit(cloud, "/robots.txt")[0] == 200
    found = cloud.client("elbv2")
    (balancer,) = found.describe_load_balancers()["LoadBalancers"]
    listeners = found.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    (https,) = [one["ListenerArn"] for one in listeners if one["Protocol"] == "HTTPS"]
    left = [rule["Priority"] for rule in found.describe_rules(ListenerArn=https)["Rules"]]
    assert sorted(left) == ["10", "100", "110", "120", "121", "default"]


def test_a_priority_that_changes_hands_is_refused_before_anything_is_touched(cloud) -> None:
    swapped = INGRESS.replace("priority = 100", "priority = 1").replace("priority = 110", "priority = 100")
    (cloud.directory / "hermes.toml").write_text(swapped.replace("priority = 1\n", "priority = 110\n"))
    codes = {finding["code"] for finding in cloud.json("plan", codes=(1, 7))["findings"]}
    assert "priority-taken" in codes


def test_a_staging_shares_the_load_balancer_and_the_way_out(cloud) -> None:
    (cloud.directory / "hermes.toml").write_text(SHARING)
    cloud.type("bootstrap")
    cloud.type("deploy --yes --stacks-only")
    for name in ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL"):
        value = control.database(cloud.state) if name == "DATABASE_URL" else f"staging-{'x' * 64}"
        cloud.type(f"--env staging secrets set {name}", given=f"{value}\n")
    cloud.type("--env staging deploy --image v2 --yes")
    assert len(cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]) == 1
    assert visit(cloud, "/health", "staging.hermes.yourdomain.com")[0] == 200
    cloud.type("--env staging destroy --yes --unprotect")
    assert visit(cloud, "/health")[0] == 200, "production stands"
