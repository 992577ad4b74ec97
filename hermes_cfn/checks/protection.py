"""Whether GitHub keeps the environments that may deploy, and introduces the repository as the roles expect it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hermes_cfn.errors import Finding, Severity, hermes


@dataclass(frozen=True, slots=True)
class EnvironmentSeen:
    """An environment of a repository (GitHub REST API, "Get an environment").

    ``branches``: jobs of some branches only may use it; ``reviewers``: somebody must agree to each job.
    """

    branches: bool
    reviewers: bool


@dataclass(frozen=True, slots=True)
class SubjectSeen:
    """How a repository's tokens begin (GitHub REST API, "Get the customization template for an OIDC subject claim").

    ``prefix`` is empty where GitHub does not tell it; ``default`` is false where somebody chose other claims.
    """

    prefix: str
    default: bool = True

    @property
    def ids(self) -> tuple[int, int] | None:
        """The numbers of owner and repository, where the subject has them."""
        found = re.fullmatch(r"repo:[^/@]+@(\d+)/[^/@]+@(\d+)", self.prefix)
        return (int(found[1]), int(found[2])) if found else None


def subject(repository: str, expected: str, seen: SubjectSeen) -> Iterator[Finding]:
    """An error where no token of the repository will ever fit: ``expected`` is the prefix that the roles trust."""
    if not seen.default:
        yield Finding(
            "github-subject",
            repository,
            "its OIDC subject is made of other claims than GitHub's default ones",
            why=f"the roles trust a subject that begins with {expected}, and no other",
            next=f"gh api --method PUT repos/{repository}/actions/oidc/customization/sub -F use_default=true",
        )
    elif seen.prefix and seen.prefix.lower() != expected.lower():
        keys = f"owner_id = {seen.ids[0]}, repository_id = {seen.ids[1]}" if seen.ids else ""
        settings = (
            f"github.subject = 'ids', {keys}" if seen.ids else "github.subject = 'names', and the repository's name"
        )
        yield Finding(
            "github-subject",
            repository,
            f"GitHub introduces it as {seen.prefix}, and the roles expect {expected}",
            why="AWS refuses the pipeline: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            next=f"in hermes.toml: {settings}; then " + hermes("bootstrap"),
        )
    elif seen.prefix and seen.prefix != expected:
        name = re.sub(r"@\d+", "", seen.prefix.removeprefix("repo:"))
        yield Finding(
            "github-subject",
            repository,
            f"GitHub spells it {name}",
            why="AWS compares the subject with capital and small letters",
            next=f"in hermes.toml: github.repository = '{name}'; then " + hermes("bootstrap"),
        )


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


def subject_unchecked(repository: str, expected: str, why: str) -> Finding:
    """The same for the subject."""
    return Finding(
        "github-unchecked",
        repository,
        f"whether GitHub introduces it as {expected} was not looked at: {why}",
        next=f"gh api repos/{repository}/actions/oidc/customization/sub --jq .sub_claim_prefix; or GH_TOKEN=… before doctor",
        severity=Severity.INFO,
    )
