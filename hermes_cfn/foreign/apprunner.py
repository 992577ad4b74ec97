"""App Runner's ``apprunner.yaml`` (AWS App Runner, "Configuration file reference")."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.foreign import files, values
from hermes_cfn.foreign.model import Home, Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, secret_names, to, variables, walk, wish

TOOL = "AWS App Runner"
NAMES = ("apprunner.yaml", "apprunner.yml")


def _port_variable(page: Page, path: str, value: Any) -> None:
    port = next((one.value for one in page.taken if one.key == "port"), None)
    page.variable(path, value, str(port) if port else None)


TABLE: Table = {
    "version": needless,
    "runtime": because("an image is deployed, no source", "a Dockerfile"),
    "build.commands": because("an image is deployed, no source", "RUN in the Dockerfile"),
    "build.env": because("an image is deployed, no source", "ARG or ENV in the Dockerfile"),
    "run.command": wish("command"),
    "run.pre-run": because("an image is deployed, no source", "RUN in the Dockerfile, or application.migrate"),
    "run.runtime-version": because("an image is deployed, no source", "FROM in the Dockerfile"),
    "run.network.port": to("application.port", values.port),
    "run.network.env": _port_variable,
    "run.env": variables,
    "run.secrets": secret_names,
}


def fits(document: Any) -> bool:
    """Whether a document is App Runner's."""
    return isinstance(document, Mapping) and "runtime" in document and "run" in document


def read(path: Path, said: str, shown: str) -> Reading:
    """``shown`` is the file's name as it is told."""
    document = files.mapping(path, files.as_yaml(path, said))
    page = Page(shown)
    walk(TABLE, document, page)
    page.otherwise("application.architecture", "x86_64", "App Runner is x86_64")
    page.notes.append(
        f"{shown}: its size and its health check are no part of this file; check [compute] and health_path"
    )
    return page.reading(TOOL, [shown], service(1, 2, "App Runner's default, 1 vCPU and 2 GB"))


def service(vcpu: float, gb: float, words: str, region: str = "") -> Home:
    """One App Runner service, as CloudFormation says it."""
    told = {"Cpu": f"{vcpu:g} vCPU", "Memory": f"{gb:g} GB"}
    return Home(
        words, region, {"Service": {"Type": "AWS::AppRunner::Service", "Properties": {"InstanceConfiguration": told}}}
    )
