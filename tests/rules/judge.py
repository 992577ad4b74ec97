"""checkov and AWS's Control Tower rules (cfn-guard) over every rendering: no finding that is not waived beside its resource.

And cloudsplaining over every policy of it, and of an account with two environments and stacks of its own: what it finds is
waived in :data:`POLICIES`, for a policy is not one resource's.

``python tests/rules/judge.py ENVIRONMENT`` (``make rules``); both live in an environment of their own.  The guide's own
resources are judged too, and the counts are written to ``counted.json``, from which ``docs/security.md`` tells them.
"""

import json
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.stacks.common import WAIVERS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COUNTED = HERE / "counted.json"
Finding = tuple[str, str, str]
"""File, resource, rule."""


def renderings() -> dict[str, dict]:
    """Every template that is unlike the others, by a name."""
    sys.path.insert(0, str(ROOT / "docs"))
    import make_security

    texts: dict[str, str] = {}
    for deployment in make_security.deployments():
        for spec in deployment:
            texts.setdefault(json.dumps(spec.template), f"{spec.key}-{len(texts)}")
    return {name: json.loads(text) for text, name in texts.items()}


def by_checkov(environment: Path, directory: Path) -> set[Finding]:
    """What checkov finds; its own ``skip`` is our waiver."""
    command = [environment / "bin/checkov", "--framework", "cloudformation", "--compact", "--quiet", "-o", "json"]
    done = subprocess.run([*command, "-d", directory], capture_output=True, text=True)
    told = json.loads(done.stdout)
    failed = told.get("results", {}).get("failed_checks", []) if isinstance(told, dict) else []
    return {
        (Path(check["file_path"]).name.split(".")[0], check["resource"].split(".")[-1], check["check_id"])
        for check in failed
    }


def by_guard(environment: Path, directory: Path) -> set[Finding]:
    """What AWS's rules find, each named as Control Tower names it."""
    binary, rules = unpacked(environment)
    command = [binary, "validate", "--rules", rules, "--data", directory, "--structured", "--show-summary", "none"]
    told = json.loads(subprocess.run([*command, "--output-format", "json"], capture_output=True, text=True).stdout)
    return {
        (Path(file["name"]).name.split(".")[0], resource, rule)
        for file in told
        for broken in file["not_compliant"]
        for rule in set(re.findall(r"\[(CT\.[A-Z0-9.]+)\]", json.dumps(broken)))
        for resource in set(re.findall(r"/Resources/(\w+)", json.dumps(broken)))
    }


def unpacked(environment: Path) -> tuple[Path, Path]:
    """The program and the rules out of the package that carries them."""
    system = "macos" if platform.system() == "Darwin" else "ubuntu"
    machine = "aarch64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    target = environment / "guard"
    if not target.exists():
        (archive,) = environment.glob("lib/python*/site-packages/cdklabs/cdk_validator_cfnguard/_jsii/*.tgz")
        with tarfile.open(archive) as carried:
            carried.extractall(target, filter="data")
    return target / f"package/bin/{system}/{machine}/cfn-guard", target / "package/rules/control-tower/cfn-guard"


POLICIES = {
    (
        "credentials exposure",
        "ecr:GetAuthorizationToken",
    ): "whoever pulls or pushes logs in; the action has no resource, and what the "
    "password opens is bound by the other actions on a repository",
}
"""(risk, action) of cloudsplaining -> why it stays."""

OPEN = {"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "iam:PutRolePolicy"], "Resource": ["*"]}]}
"""A policy that any analyser finds something in: one that does not is not at work."""


def policies() -> dict[str, Any]:
    """Every IAM policy that is rendered, each once, by a name."""
    sys.path.insert(0, str(ROOT))
    import make_crossings
    import make_security

    from tests.stacks.test_crossings import family

    deployments = [*make_security.deployments(), *map(stacks.build, family("hermes", "production", ["staging"]))]
    deployments += [stacks.build(parse(make_crossings.EVERYTHING, name)) for name in ("production", "staging")]
    found: dict[str, str] = {}
    for spec in (spec for deployment in deployments for spec in deployment):
        for title, resource in spec.template["Resources"].items():
            told = resource.get("Properties", {})
            own = [told] if resource["Type"] == "AWS::IAM::ManagedPolicy" else told.get("Policies", [])
            if resource["Type"] not in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
                continue
            for one in own:
                document = json.dumps(make_crossings.resolved(one["PolicyDocument"]), sort_keys=True)
                found.setdefault(document, f"{spec.key} {title} {len(found)}")
    return {name: json.loads(document) for document, name in found.items()}


def by_cloudsplaining(environment: Path, documents: dict[str, Any]) -> list[list[str]]:
    """(policy, risk, action) of all that it finds."""
    command = [environment / "bin/python", HERE / "policies.py"]
    done = subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True, check=True)
    told: list[list[str]] = json.loads(done.stdout)
    return told


def policies_judged(environment: Path) -> bool:
    """Whether cloudsplaining finds only what is waived, and all that is waived."""
    documents = policies()
    found = by_cloudsplaining(environment, {**documents, "open": OPEN})
    seen = {(risk, action) for name, risk, action in found if name != "open"}
    wrong = [one for one in found if one[0] != "open" and (one[1], one[2]) not in POLICIES]
    for name, risk, action in wrong:
        print("not waived: cloudsplaining,", risk, name, action)
    for risk, action in sorted(set(POLICIES) - seen):
        print("waived for nothing: cloudsplaining,", risk, action)
    if not any(name == "open" for name, *_ in found):
        print("cloudsplaining finds nothing in a policy that is open: it is not at work")
        return False
    print(f"cloudsplaining: {len(documents)} policies, {len(seen)} kinds of finding, {len(wrong)} not waived")
    return not wrong and seen == set(POLICIES)


def judged(environment: Path, templates: dict[str, dict]) -> dict[str, set[Finding]]:
    with tempfile.TemporaryDirectory() as directory:
        for name, template in templates.items():
            Path(directory, f"{name}.template.json").write_text(json.dumps(template))
        return {
            "checkov": by_checkov(environment, Path(directory)),
            "cfn-guard": by_guard(environment, Path(directory)),
        }


def unwaived(templates: dict[str, dict], found: Iterable[Finding]) -> list[Finding]:
    waived = {
        (name, title, rule)
        for name, template in templates.items()
        for title, resource in template["Resources"].items()
        for rule in resource.get("Metadata", {}).get(WAIVERS, {})
    }
    return sorted(set(found) - waived)


def idle(templates: dict[str, dict], bare: dict[str, set[Finding]]) -> list[Finding]:
    """Waivers of rules that find nothing."""
    found = set.union(*bare.values())
    return sorted(
        (name, title, rule)
        for name, template in templates.items()
        for title, resource in template["Resources"].items()
        for rule in resource.get("Metadata", {}).get(WAIVERS, {})
        if rule.startswith(("CKV", "CT.")) and (name, title, rule) not in found
    )


def without_waivers(templates: dict[str, dict]) -> dict[str, dict]:
    return {
        name: {
            **template,
            "Resources": {
                title: {key: value for key, value in resource.items() if key != "Metadata"}
                for title, resource in template["Resources"].items()
            },
        }
        for name, template in templates.items()
    }


def main(environment: Path) -> None:
    ours = renderings()
    committed = {
        path.name.split(".")[0]: json.loads(path.read_text())
        for path in sorted((ROOT / "templates/production").glob("*.template.json"))
    }
    guide = {"guide": json.loads((HERE / "guide.template.json").read_text())}
    with_reasons, bare = judged(environment, ours), judged(environment, without_waivers(ours))
    default, plain = judged(environment, without_waivers(committed)), judged(environment, guide)
    left = [finding for found in with_reasons.values() for finding in unwaived(ours, found)]
    needless = idle(ours, bare)
    for finding in left:
        print("not waived:", *finding)
    for finding in needless:
        print("waived for nothing:", *finding)
    told = {
        tool: {"default": len(default[tool]), "all": len(bare[tool]), "guide": len(plain[tool])}
        for tool in with_reasons
    }
    told["resources"] = {
        "default": sum(len(one["Resources"]) for one in committed.values()),
        "all": sum(len(one["Resources"]) for one in ours.values()),
        "guide": len(guide["guide"]["Resources"]),
    }
    told["templates"] = len(ours)
    text = json.dumps(told, indent=2) + "\n"
    stale = COUNTED.read_text() != text
    COUNTED.write_text(text)
    print(text + ("counted.json was stale and is written anew; next: python docs/make.py" if stale else ""))
    sys.exit(not policies_judged(environment) or bool(left or needless or stale))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
