"""SAM templates as CloudFormation sees them: expanded by AWS's own library, offline.

``AWS::Serverless-2016-10-31`` is a macro that AWS runs; aws-sam-translator is the code it runs
(https://github.com/aws/serverless-application-model).  It asks AWS for nothing here: managed
policies keep their names, and what lies beside the template has a place in S3 that stands for it.
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hermes_cfn.cfn.extensions import expand, transforms_of
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.errors import Finding, HermesError

TRANSFORM = "AWS::Serverless-2016-10-31"
SOMEWHERE = "s3://bucket/key"
CODE = {
    "AWS::Serverless::Function": ("CodeUri",),
    "AWS::Serverless::LayerVersion": ("ContentUri",),
    "AWS::Serverless::Api": ("DefinitionUri",),
    "AWS::Serverless::HttpApi": ("DefinitionUri",),
    "AWS::Serverless::StateMachine": ("DefinitionUri",),
    "AWS::Serverless::GraphQLApi": ("SchemaUri",),
    "AWS::Serverless::Application": ("Location",),
}
"""Which properties of a type may name a file or folder beside the template, which `sam package` would upload."""


def expanded(body: Mapping[str, Any], region: str, given: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The template that AWS makes of a SAM template; any other as it is.

    Without the library, which comes with the extra ``sam``, the serverless resources stay, and the
    bill says that they are not priced.  Raises :class:`HermesError` (``template-invalid``) for what
    AWS's library refuses.
    """
    if TRANSFORM not in transforms_of(body) and not any(
        str(one.get("Type")).startswith("AWS::Serverless::") for _, one in _section(body, "Resources")
    ):
        return body
    whole = copy.deepcopy(dict(expand(body, given or {})))
    try:
        from samtranslator.model.exceptions import InvalidDocumentException
        from samtranslator.translator.transform import transform
    except ImportError:
        return _plain(whole)
    _uploaded(whole)
    logging.getLogger("samtranslator").addHandler(logging.NullHandler())
    chosen = {name: spec["Default"] for name, spec in _section(whole, "Parameters") if "Default" in spec}
    try:
        with _region(region):
            made: dict[str, Any] = transform(whole, {**chosen, **(given or {})}, _Policies())
    except InvalidDocumentException as error:
        raise HermesError(
            *(Finding("template-invalid", "template", str(cause.message)) for cause in error.causes)
        ) from error
    except Exception as error:  # the library raises what it likes for what has not the form that it expects
        raise invalid(f"AWS's library for SAM cannot expand it: {type(error).__name__}: {error}") from error
    others = [name for name in transforms_of(whole) if name != TRANSFORM]
    return {**made, **({"Transform": others} if others else {})}


class _Policies:
    """Managed policies by name, of which none is looked up."""

    def load(self) -> dict[str, str]:
        return {}


def _section(body: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    section = body.get(name)
    if isinstance(section, Mapping):
        yield from ((str(key), value) for key, value in section.items() if isinstance(value, Mapping))


def _plain(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The template without what only SAM has."""
    kept = {name: section for name, section in body.items() if name != "Globals"}
    resources = kept.get("Resources")
    if isinstance(resources, Mapping):
        kept["Resources"] = {
            name: {key: value for key, value in one.items() if key != "Connectors"} if isinstance(one, Mapping) else one
            for name, one in resources.items()
        }
    return kept


def _uploaded(body: Mapping[str, Any]) -> None:
    """Gives what lies beside the template a place in S3, as `sam package` does."""
    for _, resource in _section(body, "Resources"):
        properties = resource.get("Properties")
        if not isinstance(properties, dict):
            continue
        for name in CODE.get(str(resource.get("Type")), ()):
            value = properties.get(name)
            apart = "ApplicationId" in value if isinstance(value, Mapping) else not str(value).startswith("s3://")
            if value is not None and apart:
                properties[name] = SOMEWHERE
        if resource.get("Type") == "AWS::Serverless::Function" and properties.get("PackageType") == "Image":
            properties.setdefault("ImageUri", f"{'1' * 12}.dkr.ecr.us-east-1.amazonaws.com/image:tag")


@contextmanager
def _region(region: str) -> Iterator[None]:
    """The library asks the environment for a region; no profile and no credentials are read."""
    names = ("AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ.update(
        {"AWS_DEFAULT_REGION": region, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    )
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
