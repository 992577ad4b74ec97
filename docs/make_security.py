"""``docs/permissions.md`` and ``docs/security.md`` from the tables and the templates.

``python docs/make.py`` writes them with all other generated pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from hermes_cfn import permissions, service_role, stacks
from hermes_cfn.config import parse
from hermes_cfn.config.network import Egress
from hermes_cfn.deployment import Deployment
from hermes_cfn.stacks.common import WAIVERS

ROOT = Path(__file__).resolve().parents[1]

EVERYTHING = """
network.egress = "{egress}"
network.interface_endpoints = ["ssm"]
database.allow_list = false
database.addresses = ["ipv4", "ipv6"]
[service]
access_logs = {on}
waf = {on}
cluster = {on}
deletion_protection = {on}
[scaling]
minimum = 2
maximum = 4
cpu_percent = 50
requests_per_target = 600
[scaling.windows.nights]
begin = "22:00"
end = "07:00"
minimum = 2
maximum = 2
[watch]
enabled = true
audit_trail = true
emails = ["ops@example.com"]
[edge]
assets = true
dns = "alias"
hosted_zone_id = "Z0123456789ABC"
[worldwide]
cloudfront = true
waf = {on}
[budget]
ceiling_usd = 100
"""

PERMISSIONS = """# Permissions

Made from `hermes_cfn/permissions.py` and `hermes_cfn/service_role.py` by `python docs/make.py`.

Four roles of people and pipelines, one that CloudFormation works with, and those of instances. Who may assume the four
is configuration: CI by one exact OIDC subject each (`[github]`), people by their Identity Center roles
(`account.operators`). Whoever may change documents or user data is root on the instances: that is *infrastructure*, and
whoever reviews what it deploys. Only `bootstrap`, with an administrator's credentials, touches `foundation` and with it
these roles and their boundary.

Resources are named as in `places.py`; `*` stands where AWS has no narrower one.
"""

SERVICE = """
## cloudformation, the service role

What AWS's own resource handlers call, from the resource schemas (`handlers.*.permissions`), for the types that the stacks
hold; `service_role.csv` has every action that a handler names, granted or with the reason why not. Writing is bound to
names of the environment where the service has names, reading and the network to its regions. It makes roles only under
the permissions boundary, and may touch neither the boundary nor the roles above, nor itself.

"""

PROVEN = """
## What proves it

A full life — bootstrap, first deployment, update, releases, a release that fails, rollback, migration, sleep, doctor, destroy — runs
on an embedded cloud that checks every call (`tests/stories/test_least_privilege.py`). Each role does its own work; no call is
refused, and no action of the tables above goes unused, but for those that other programs make on our behalf:

| action | made by |
|---|---|
"""

UNPROVEN = """
## What only a real account can prove

* That the handlers call what their schemas say. An emulator does not make the calls that AWS's handlers make.
* That a condition key is evaluated for each action of its statement (`iam:PermissionsBoundary`, `aws:RequestedRegion`).
* The calls that `docker push` makes with the *release* role; AWS's documentation lists them (Amazon ECR user guide,
  "IAM permissions for pushing an image").
* Service-linked roles of a new account, which the first load balancer, group or distribution makes.
* What CloudFormation reads as the *operator* when it detects drift.
* That the agents of Systems Manager and CloudWatch reach their services over IPv6 alone (`egress = "ipv6"`): registry and
  command line use AWS's dual-stack names, and both agents are told to (the first from 3.3.3270 on, the second by
  `use_dualstack_endpoint`, amazon-cloudwatch-agent pull request 1864).
* Sessions of Systems Manager (`ssm:StartSession`), which go through AWS's agent.
"""

SECURITY = """# Security

The threat model, what holds, and every waiver. Waivers are made from the templates by `python docs/make.py`; each stands in
the `Metadata` of its resource.

## Who may become whom, and what follows

Who can get each role, and the worst that it could do with it. What a role reaches of other environments is evaluated, not
read: [crossings](crossings.md).

| role | who may have it | the worst | what protects it |
|---|---|---|---|
| *administrator* | whoever the account says | everything: `bootstrap`, roles, boundary, keys | nothing here; no verb but `bootstrap` needs it (`tests/stories/test_least_privilege.py::test_no_role_makes_a_call_that_it_may_not_make`) |
| *infrastructure* | the workflow of the protected branch in the GitHub environment with reviewers; operators | root on the instances of its environment, and so its secrets and its database: it changes documents and user data | exact claims (`tests/test_permissions.py::test_ci_is_trusted_by_one_exact_subject`); what it does is what was shown and agreed to (`tests/plan/test_record_and_guard.py::test_any_difference_stops_and_is_shown`); no other environment (`tests/stacks/test_crossings.py::test_no_role_reaches_what_another_environment_has`) |
| *release* | the same workflow in the environment without reviewers; operators | runs another image of its repositories with the environment's secrets; with `[scaling]` sets the group's sizes, so puts the environment to sleep | exact claims (`tests/test_permissions.py::test_ci_is_trusted_by_one_exact_subject`); a commit that the branch does not hold gets no job (`tests/cli/test_init.py::test_a_commit_that_the_branch_does_not_hold_ends_the_job_before_anything_else`); our documents only (`tests/stacks/test_crossings.py::test_no_role_makes_anybody_more_powerful`); it pushes where no other environment pushes (`tests/stacks/test_crossings.py::test_each_environment_pushes_where_no_other_one_does`) |
| *plan* | any pull request of the repository itself, so whoever may push a branch to it | reads configuration, names, states, costs; no secret | reads only (`tests/test_permissions.py::test_plan_only_reads`); forks get no token (`tests/stories/test_workflows.py::test_a_fork_gets_the_offline_part_only`) |
| *operator* | people by their Identity Center role; never a pipeline | root on the instances by `run` and `shell`; sets secrets and never reads them | no wildcard that means more than one role (`tests/config/test_hermes_toml.py::test_operators_are_roles_that_somebody_named`) |
| *cloudformation* | CloudFormation, for whoever may pass the role: *infrastructure* | makes, changes and deletes what the stacks hold; makes roles under the boundary | names, tags, zones and the boundary (`tests/stacks/test_crossings.py::test_what_cloudformation_may_for_its_environment`) |
| an instance | whoever is root there: *operator*, *infrastructure*, and an application that breaks out of its container | reads its environment's secrets, changes its own report, leaves standby, reports itself unhealthy | IMDSv2 with hop limit 1 (`tests/stacks/test_stacks.py::test_the_launch_template_is_hardened`); no capability, no new privileges (`tests/instance/test_scripts.py::test_the_container_is_confined`); secrets answer to an instance alone (`tests/stacks/test_crossings.py::test_a_made_role_reads_no_secret_unless_an_instance_has_it`) |
| a role that a stack made | whoever its trust policy names | at most the boundary, without the secrets | `tests/stacks/test_crossings.py::test_no_role_makes_anybody_more_powerful` |

What is left:

* GitHub makes an environment that it does not know without any protection, and a free plan has none for private repositories, so
  that everybody who may push to the branch may deploy
  (`tests/flows/test_github.py::test_an_environment_that_is_not_there_would_be_made_open`). `doctor` asks GitHub where there is a `GH_TOKEN`, and says what to look at
  where there is none (`tests/flows/test_github.py`). The roles ask for branch and workflow whatever it says
  (`tests/test_permissions.py::test_ci_is_trusted_by_one_exact_subject`).
* Whoever may change the template of the audit trail may stop it, shorten how long its objects stay or open its bucket to somebody else; reviewers see that in the
  plan (`tests/plan/test_record_and_guard.py::test_any_difference_stops_and_is_shown`), and CloudTrail's own 90 days of events
  nobody can shorten. Nobody whom it audits can delete what it has written
  (`tests/stacks/test_crossings.py::test_no_role_makes_anybody_more_powerful`).
* Root on an instance sees the container's environment (`docker inspect`), `/opt/hermes/.env` and docker's own files; so do
  *operator* and *infrastructure* (`tests/stories/test_least_privilege.py::test_where_a_secret_lies_only_root_can_read_it`). Nothing else has a copy: what a document prepares goes with it, what is kept of a failed
  release is kept without secrets from the first diagnosis on (`tests/instance/test_secrets_stay.py`).
* The application's own log is the application's: what it prints of itself reaches CloudWatch as it is
  (`tests/stories/test_day_two.py::test_logs_by_time_instance_and_pattern`).
* Whoever may push to an environment's repository decides what runs there, and in whatever environment it is promoted to by its
  digest (`tests/flows/test_registry.py::test_a_tag_is_the_word_of_its_own_repository_and_of_no_less_guarded_one`).
* A command that an operator types is in the history of Systems Manager for 30 days, as it was typed: secrets go through
  `secrets set`, by standard input (`tests/stories/test_least_privilege.py::test_a_secret_shows_nowhere_but_on_the_instances`).
* What AWS cannot bind to a resource, and what an account for each environment would end: [crossings](crossings.md)
  (`tests/stacks/test_crossings.py::test_what_is_said_to_be_left_is_left`).

## What holds

* No secret is in a template, a parameter default, a command line or a file of this repository
  (`tests/stories/test_least_privilege.py::test_a_secret_shows_nowhere_but_on_the_instances`). Secrets are SSM SecureString
  parameters; an instance reads them at start into `/opt/hermes/.env`, mode 0600
  (`tests/instance/test_scripts.py::test_secrets_reach_the_container_and_nothing_else`), and `hermes.toml` refuses whatever looks
  like one (`tests/config/test_hermes_toml.py::test_a_secret_is_refused_and_not_repeated`). No role of people or pipelines may
  decrypt them (`tests/test_permissions.py::test_no_role_of_people_or_pipelines_reads_a_secret`).
* What a migration, `run`, a diagnosis or a failed release prints has no secret in it, in any spelling that programs use
  (`tests/instance/test_secrets_stay.py`): that is what console, pipeline, Systems Manager, the release's record and `doctor` get. Each way out has a canary of its own: console
  with `--debug`, CI log, `releases show`, `doctor`, SSM output, S3 record (`tests/stories/test_ways_out.py::test_no_secret_leaves_by`),
  the log of the pipeline that `init` writes (`tests/stories/test_workflows.py::test_no_secret_is_in_the_log_of_a_run`), and
  CloudWatch (`tests/stories/test_least_privilege.py::test_a_secret_shows_nowhere_but_on_the_instances`).
* Instances run images of the repositories of the file's environments and of no other
  (`tests/instance/test_scripts.py::test_an_image_of_another_registry_is_neither_asked_for_nor_run`).
* A bucket that somebody else made under our name is not written to and not read
  (`tests/aws/test_bucket_owner.py::test_every_call_names_the_owner`).
* Two environments of one load balancer have no host in common, and no secret
  (`tests/config/test_existing.py::test_what_cannot_be_is_one_finding_before_anything_is_touched`).
* No role of one environment or application reaches anything of another one
  (`tests/stacks/test_crossings.py::test_no_role_reaches_across_whatever_the_names`).
* No two deployments of an account have names that permissions could confuse (`tests/flows/test_neighbours.py`).
* Instances have no public address (except with `egress = "public-subnets"`, inbound closed)
  (`tests/stacks/test_stacks.py::test_only_public_subnets_give_instances_a_public_address`), no SSH port, IMDSv2 with hop
  limit 1, an encrypted volume (`tests/stacks/test_stacks.py::test_the_launch_template_is_hardened`). A shell goes through Systems
  Manager, by the *operator* role alone (`tests/test_permissions.py::test_the_operators_document_is_the_operators_alone`).
* The application answers the load balancer only
  (`tests/stacks/test_stacks.py::test_the_application_is_reached_from_the_load_balancer_alone`); the load balancer redirects HTTP,
  speaks TLS 1.2 and 1.3, drops invalid headers and is protected against deletion
  (`tests/stacks/test_stacks.py::test_the_listener_redirects_http_and_speaks_modern_tls`).
* The container runs without capabilities, without new privileges, with limits of memory and processes and, unless switched off,
  on a read-only root (`tests/instance/test_scripts.py::test_the_container_is_confined`).
* Documents take anchored parameters (`tests/instance/test_scripts.py::test_no_document_has_braces_that_systems_manager_would_read`),
  refuse an older token, and are called at an explicit version (`tests/instance/test_scripts.py`).
* Buckets are closed to the public, encrypted, versioned and TLS only (`tests/stacks/test_stacks.py::test_buckets_are_closed`);
  images are scanned and their tags never move (`tests/stacks/test_stacks.py::test_what_the_account_has_once`).
* Whatever reads a template of somebody else ends with a finding in two seconds and 300 MB (`tests/cfn/test_hostile.py`), and text
  of somebody else moves no cursor (`tests/cli/test_terminal.py`).
* The default security group of the VPC is used by nothing and has no rules: `deploy` takes them away, for CloudFormation
  has no means to (`tests/stories/test_least_privilege.py::test_the_default_security_group_is_closed`).

## Waivers

What automatic rules (cfn-lint `W`, checkov `CKV`, AWS Control Tower `CT`) would say, and why it stays.

"""


def deployments() -> Iterator[Deployment]:
    """Everything on and off, for each way out."""
    for egress in Egress.__args__:  # type: ignore[attr-defined]
        for on in ("true", "false"):
            yield stacks.build(parse(EVERYTHING.format(egress=egress, on=on)))


def permissions_page() -> str:
    """Every role's rows, the service role's types, and what is unproven."""
    parts = [PERMISSIONS]
    tables = {**permissions.ROLES, "instance": permissions.INSTANCE}
    tables["prices (a policy apart: docs/prices.md)"] = permissions.PRICES
    tables["athena (whoever runs cost reconcile --athena)"] = permissions.ATHENA
    tables["init (whoever begins; what may not be asked is left out)"] = permissions.LOOKING_UP
    tables["cut-over (whoever runs adopt)"] = permissions.CUT_OVER
    for role, rows in tables.items():
        parts.append(f"\n## {role}\n\n| action | on | why |\n|---|---|---|\n")
        for row in rows:
            actions = "<br>".join(f"`{action}`" for action in row.actions)
            bound = " (with a condition)" if row.condition else ""
            parts.append(f"| {actions} | {', '.join(f'`{place}`' for place in row.on)}{bound} | {row.reason} |\n")
    parts += [SERVICE, "| type | granted | not granted, and why |\n|---|---|---|\n"]
    for kind in sorted(service_role.known_types()):
        rows_of = [row for row in service_role.rows() if row.type == kind]
        granted = sum(row.granted for row in rows_of)
        added = "".join(f"; added `{action}`: {source}" for action, source in service_role.ADDITIONS.get(kind, ()))
        reasons = sorted({row.reason for row in rows_of if not row.granted})
        parts.append(f"| `{kind}` | {granted} of {len(rows_of)}{added} | {'; '.join(reasons)} |\n")
    elsewhere = [f"| `{action}` | {source} |\n" for action, source in permissions.ELSEWHERE.items()]
    return "".join([*parts, PROVEN, *elsewhere, UNPROVEN])


def security_page() -> str:
    """What holds, and every waiver with its reason."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for deployment in deployments():
        for spec in deployment:
            for title, resource in spec.template["Resources"].items():
                for rule, reason in resource.get("Metadata", {}).get(WAIVERS, {}).items():
                    found.setdefault((spec.key, rule, reason), set()).add(title)
    rows = [
        f"| {stack} | {_short(titles)} | `{rule}` | {reason} |\n"
        for (stack, rule, reason), titles in sorted(found.items())
    ]
    return "".join([SECURITY, "| stack | resource | rule | why it stays |\n|---|---|---|---|\n", *rows, counted()])


def _short(titles: set[str]) -> str:
    shown = sorted(titles)
    return ", ".join(f"`{title}`" for title in shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


COMPARED = """
## Counted

`make rules` puts every template before checkov 3.3.30 and before the 237 rules of AWS Control Tower (cfn-guard 3.1.1),
in an environment of their own. It fails for a finding that is not waived beside its resource, and for a waiver that nothing
asks for. What they find when the waivers are taken away, and what they find in the guide's own resources, written down as
plainly as the guide has them (`tests/rules/guide.template.json`):

| | resources | checkov | Control Tower |
|---|---|---|---|
{rows}
It puts every policy that is rendered before cloudsplaining 0.7.0 too, those of an account with two environments and stacks of its
own among them: one finding, `ecr:GetAuthorizationToken`, which has no resource; its reason stands in `tests/rules/judge.py`.

`make audit` asks pip-audit for known vulnerabilities of all that `constraints.txt` and the pipeline's hash file pin, and fails nothing
where no database can be reached. On 1 December 2026 it was asked with a checkout of PyPI's advisory database
(`make audit ADVISORIES=DIRECTORY`; 2,661 advisories, the newest of 10 October 2024): 142 and 29 packages, none vulnerable. What
became known after that day, this audit has not seen.

Not one of ours is without a reason; the guide's have none. Much of what is left on our side is waived, not mended: keys of
one's own for what holds no secret, logs of logs, and choices that the configuration makes.
"""

SHOWN = {
    "default": "`templates/production`, the default",
    "all": "everything on and off, for each way out, each template once",
    "guide": "the guide's own resources",
}


def counted() -> str:
    """What ``make rules`` has counted."""
    told = json.loads((ROOT / "tests/rules/counted.json").read_text(encoding="utf-8"))
    rows = [
        f"| {title} | {told['resources'][key]} | {told['checkov'][key]} | {told['cfn-guard'][key]} |\n"
        for key, title in SHOWN.items()
    ]
    return COMPARED.replace("{rows}", "".join(rows))


PAGES = {ROOT / "docs" / "permissions.md": permissions_page, ROOT / "docs" / "security.md": security_page}
