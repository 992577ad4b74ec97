"""The transform AWS::LanguageExtensions, before a template is evaluated: loops are unrolled, policies resolved.

``Fn::Length``, ``Fn::ToJsonString`` and the default of ``Fn::FindInMap`` are evaluated like any other function.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hermes_cfn.cfn.refusal import invalid

TRANSFORM = "AWS::LanguageExtensions"
_LOOP = "Fn::ForEach::"


def transforms_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the macros that a template asks for."""
    given = body.get("Transform", [])
    names = given if isinstance(given, list) else [given]
    return tuple(str(name.get("Name")) if isinstance(name, Mapping) else str(name) for name in names)


def expand(body: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """``body`` with its loops unrolled and the policies of its resources resolved; as it is without the transform.

    ``given`` are values of parameters; others have their defaults.  Raises :class:`HermesError` (``template-invalid``)
    for a loop that cannot be unrolled before a resource is made.
    """
    if TRANSFORM not in transforms_of(body):
        return body
    return _Unroll(body, given).whole()


class _Unroll:
    def __init__(self, body: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self._body, self._given = body, given

    def whole(self) -> Mapping[str, Any]:
        body = {
            key: self._walk(section, {}) if key in ("Resources", "Outputs", "Conditions") else section
            for key, section in self._body.items()
        }
        for resource in body.get("Resources", {}).values():
            for key in ("DeletionPolicy", "UpdateReplacePolicy"):
                if isinstance(resource, dict) and isinstance(resource.get(key), Mapping):
                    resource[key] = self._known(resource[key])
        return body

    def _walk(self, value: Any, names: Mapping[str, str]) -> Any:
        if isinstance(value, Mapping):
            if len(value) == 1 and isinstance(value.get("Ref"), str) and value["Ref"] in names:
                return names[value["Ref"]]
            made: dict[Any, Any] = {}
            for key, inner in value.items():
                if isinstance(key, str) and key.startswith(_LOOP):
                    self._add(made, self._loop(key, inner, names))
                else:
                    made[_named(key, names) if isinstance(key, str) else key] = self._walk(inner, names)
            return made
        if isinstance(value, list):
            return [self._walk(inner, names) for inner in value]
        return _named(value, names) if isinstance(value, str) else value

    def _add(self, made: dict[Any, Any], more: Mapping[Any, Any]) -> None:
        twice = sorted(str(key) for key in more if key in made)
        if twice:
            raise invalid(f"Template format error: Fn::ForEach makes the key {twice[0]} a second time.")
        made.update(more)

    def _loop(self, key: str, loop: Any, names: Mapping[str, str]) -> dict[Any, Any]:
        if not (
            isinstance(loop, list) and len(loop) == 3 and isinstance(loop[0], str) and isinstance(loop[2], Mapping)
        ):
            raise invalid(f"Template error: {key} needs an identifier, a collection and a map of what is repeated.")
        made: dict[Any, Any] = {}
        for item in self._collection(key, self._walk(loop[1], names)):
            self._add(made, self._walk(loop[2], {**names, loop[0]: item}))
        return made

    def _collection(self, key: str, written: Any) -> list[str]:
        found = self._known(written) if isinstance(written, Mapping) else written
        items: list[str] = []
        for item in found if isinstance(found, list) else [found]:
            known = self._known(item) if isinstance(item, Mapping) else item
            items += [str(each) for each in known] if isinstance(known, list) else [str(known)]
        if len(set(items)) < len(items):
            raise invalid(f"Template error: the collection of {key} has an item twice.")
        return items

    def _known(self, value: Mapping[str, Any]) -> Any:
        """What a reference gives that needs nothing but parameters and mappings."""
        name, argument = next(iter(value.items())) if len(value) == 1 else ("", None)
        if name == "Ref" and isinstance(argument, str) and argument in (self._body.get("Parameters") or {}):
            spec = self._body["Parameters"][argument]
            found = self._given.get(argument, spec.get("Default", ""))
            listed = "List" in str(spec.get("Type")) and isinstance(found, str)
            return [item.strip() for item in found.split(",")] if listed else found
        if name == "Fn::FindInMap" and isinstance(argument, list) and len(argument) >= 3:
            found = self._body.get("Mappings") or {}
            for written in argument[:3]:
                part: Any = self._known(written) if isinstance(written, Mapping) else written
                found = found.get(part) if isinstance(found, Mapping) else None
            if found is not None:
                return found
        raise invalid(f"Template error: {name or value!r} cannot be resolved before the resources are made.")


def _named(words: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        words = words.replace("${" + name + "}", value).replace("&{" + name + "}", re.sub(r"[^A-Za-z0-9]", "", value))
    return words
