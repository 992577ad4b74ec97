"""Configurations drawn at random: any combination of options that the rules allow."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from hermes_cfn.config.network import ENDPOINTS, Egress

EGRESS: list[str] = list(Egress.__args__)  # type: ignore[attr-defined]
ZONE = 'hosted_zone_id = "Z0123456789ABC"\n'
BOOL = st.booleans()
TYPES = {"arm64": ["t4g.micro", "t4g.small", "m7g.large", "c8g.xlarge"], "x86_64": ["t3.small", "m7i.large"]}
CERTIFICATES = {
    "manual": "",
    "route53": f'validation = "route53"\n{ZONE}',
    "arn": 'arn = "arn:aws:acm:eu-south-2:123456789012:certificate/0f"\n',
}


@st.composite
def configurations(draw: st.DrawFn, certificates: tuple[str, ...] = tuple(CERTIFICATES)) -> str:
    """The text of a ``hermes.toml``."""
    egress = draw(st.sampled_from(EGRESS))
    stable = egress.startswith("nat-")
    assets = draw(BOOL)
    cloudfront = assets and draw(BOOL)
    count = draw(st.integers(1, 5))
    architecture = draw(st.sampled_from(list(TYPES)))

    def flag(possible: bool = True) -> str:
        return str(possible and draw(BOOL)).lower()

    def some(values: tuple[str, ...] | list[str]) -> str:
        return json.dumps(draw(st.lists(st.sampled_from(values), unique=True, max_size=3)))

    return f"""
[application]
architecture = "{architecture}"
read_only = {flag()}
migrate = {draw(st.sampled_from(["[]", '["/app/bin/hermes", "eval", "Hermes.Release.migrate"]']))}
[account]
github_provider = "{draw(st.sampled_from(["create", "existing", "none"]))}"
artifacts_encryption = "{draw(st.sampled_from(["AES256", "aws:kms"]))}"
[github]
subject = "{draw(st.sampled_from(["names", "ids"]))}"
owner_id = 1
repository_id = 2
[network]
egress = "{egress}"
cidr = "{draw(st.sampled_from(["10.0.0.0/16", "172.20.4.0/24"]))}"
zones = {json.dumps([f"eu-south-2{letter}" for letter in "abc"[: draw(st.integers(2, 3))]])}
flow_logs = {flag()}
interface_endpoints = {some(ENDPOINTS)}
[database]
allow_list = {flag(stable)}
addresses = ["ipv4", "ipv6"]
[compute]
count = {count}
instance_type = "{draw(st.sampled_from(TYPES[architecture]))}"
detailed_monitoring = {flag()}
key_name = "{draw(st.sampled_from(["", "hermes-production"]))}"
[release]
batch = {draw(st.integers(1, count))}
canary = {draw(st.integers(0, count))}
strategy = "{draw(st.sampled_from(["in-place", "surge"]))}"
[service]
access_logs = {flag()}
waf = {flag()}
cluster = {flag()}
stickiness = {flag()}
slow_start_s = {draw(st.sampled_from([0, 30]))}
deletion_protection = {flag()}
[certificate]
wildcard = {flag()}
{CERTIFICATES[draw(st.sampled_from(certificates))]}
[watch]
enabled = {flag()}
dashboard = {flag()}
audit_trail = {flag()}
emails = {some(["ops@example.com", "dev@example.com"])}
[edge]
assets = {str(assets).lower()}
dns = "{draw(st.sampled_from(["manual", "alias", "weighted"]))}"
{ZONE}
[worldwide]
cloudfront = {str(cloudfront).lower()}
waf = {flag()}
assets_domain = "{draw(st.sampled_from(["", "static.yourdomain.com"])) if cloudfront else ""}"
{ZONE}
[budget]
ceiling_usd = {draw(st.sampled_from([0, 90]))}
emails = {some(["ops@example.com"])}
by_tag = "{draw(st.sampled_from(["when-active", "always", "never"]))}"
"""
