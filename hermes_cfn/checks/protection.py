"""Whether GitHub keeps the environments that may deploy: their branches, and who must agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hermes_cfn.errors import Finding, Severity


@dataclass(frozen=True, slots=True)
class EnvironmentSeen:
    """An environment of a repository (GitHub REST API, "Get an environment").

    ``branches``: jobs of some branches only may use it; ``reviewers``: somebody must agree to each job.
    """

    branches: bool
    reviewers: bool


def environments(repository: str, seen: Mapping[str, EnvironmentSeen | None], guarded: str) -> Iterator[Finding]:
    """What is missing; None stands for an environment that is not there, ``guarded`` is the one with reviewers."""
    for name, environment in seen.items():
        where = f"{repository}, environment {name}"
        settings = f"https://github.com/{repository}/settings/environments"
        if environment is None:
            yield Finding(
                "github-environment-missing",
                where,
                "there is none; GitHub makes it at the first job that names it, without any protection",
                why="a job that names it gets a role of AWS",
                next=f"make it: {settings}",
                severity=Severity.WARNING,
            )
            continue
        if not environment.branches:
            yield Finding(
                "github-environment-open",
                where,
                "every branch may use it",
                why="the roles ask for branch and workflow; this is the second lock",
                next=f"Deployment branches: the protected one alone, {settings}",
                severity=Severity.WARNING,
            )
        if name == guarded and not environment.reviewers:
            yield Finding(
                "github-reviewers-missing",
                where,
                "nobody must agree to a job",
                why="the role of this environment changes stacks, and with them everything that runs there",
                next=f"Required reviewers: {settings}",
                severity=Severity.WARNING,
            )


def unchecked(repository: str, names: list[str], why: str) -> Finding:
    """What to look at by hand where GitHub could not be asked."""
    return Finding(
        "github-unchecked",
        repository,
        f"whether its environments {' and '.join(names)} are protected was not looked at: {why}",
        next=f"gh api repos/{repository}/environments --jq '.environments[] | .name, .protection_rules'; or GH_TOKEN=… before doctor",
        severity=Severity.INFO,
    )
