"""Templates in YAML, with the short forms of the intrinsic functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

from typing import Any

import yaml

from hermes_cfn.cfn.refusal import invalid


def load(text: str) -> Any:
    """What a YAML text says.  Raises :class:`HermesError` as CloudFormation words it."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise invalid(f"Template format error: YAML not well-formed.{place}") from error
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise invalid("Template format error: YAML not well-formed.") from error


def has_aliases(text: str) -> bool:
    """Whether a YAML text uses an alias, which CloudFormation does not allow; the AWS command line resolves them."""
    return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)) if "*" in text else False


class _Loader(yaml.SafeLoader):
    """Safe YAML with ``!Ref`` and its kin; dates stay the text that was written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    return {_key(loader.construct_object(k, deep=True)): loader.construct_object(v, deep=True) for k, v in node.value}


def _key(key: Any) -> Any:
    """A name of a map, which in a template is no list and no map."""
    if isinstance(key, (list, dict, set)):
        raise invalid("Template format error: YAML not well-formed: a list or a map stands where a name belongs.")
    return key


def _construct_short(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = _construct_mapping(loader, node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_multi_constructor("!", _construct_short)
