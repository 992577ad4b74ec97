"""Stacks of one's own: a file of ``extras/`` becomes a stack, whose parameters are fed by their names.

A parameter gets, in this order: what ``[extras.NAME]`` says; the setting of that name (``NetworkCidr`` is
``network.cidr``); the output of that name of another stack (``VpcId``), or with the stack's name before it
(``UploadsBucketName``); its own default.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import BaseModel

from hermes_cfn import service_role
from hermes_cfn.cfn.template import Template, arguments_of, load
from hermes_cfn.config import Settings
from hermes_cfn.config.extras import LIMIT_BYTES, ExtraFile, OutputValue, too_large
from hermes_cfn.deployment import FromOutput, FromSetting, Source, StackSpec
from hermes_cfn.errors import ConfigurationError, Finding, HermesError, hermes
from hermes_cfn.names import Names, extra_key, extra_name, output_id
from hermes_cfn.stacks.existing import NETWORK, of_network
from hermes_cfn.stacks.extras_python import template_of

PORTS = "hermes:ports"
"""Key of a template's Metadata: TCP ports on which the instances may open connections to what it makes, in the VPC."""


@dataclass(frozen=True, slots=True)
class Extra:
    """One file, read."""

    file: ExtraFile
    body: Mapping[str, Any]
    template: Template

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(self.body.get("Metadata", {}).get(PORTS, ()))


def read(settings: Settings) -> tuple[Extra, ...]:
    """Every extra, as a template.  Raises HermesError with every finding."""
    found: list[Extra] = []
    wrong: list[Finding] = []
    for file in settings.extra_files:
        try:
            extra = _parsed(file, settings)
        except HermesError as error:
            wrong += error.findings
            continue
        wrong += _refused(extra)
        wrong += _foreign_mail(extra, settings)
        found.append(extra)
    known = {file.name for file in settings.extra_files}
    wrong += [_unknown_section(name, known) for name in settings.extras if name not in known]
    if wrong:
        raise ConfigurationError.of(wrong)
    return tuple(found)


def _parsed(file: ExtraFile, settings: Settings) -> Extra:
    body = template_of(file, settings) if file.python else _loaded(file)
    try:
        template = Template.parse(body)
    except HermesError as error:
        raise HermesError(
            *(replace(one, code="extra-invalid", where=f"{file.path}: {one.where}") for one in error.findings)
        ) from error
    return Extra(file, body, template)


def _loaded(file: ExtraFile) -> Mapping[str, Any]:
    try:
        body = load(file.text)
    except HermesError as error:
        raise HermesError(
            *(replace(one, code="extra-invalid", where=f"{file.path}: {one.where}") for one in error.findings)
        ) from error
    if not isinstance(body, Mapping):
        raise HermesError(Finding("extra-invalid", file.path, "is not a template: there are no Resources in it"))
    try:
        plain: Mapping[str, Any] = json.loads(json.dumps(body, default=str))
    except (TypeError, ValueError) as error:
        raise HermesError(Finding("extra-invalid", file.path, f"is not a template: {error}")) from error
    return plain


def _refused(extra: Extra) -> Iterator[Finding]:
    """What would fail on AWS, or what is not offered."""
    where = extra.file.path
    size = len(json.dumps(extra.body, separators=(",", ":")).encode())
    if size > LIMIT_BYTES:
        yield too_large(where, size)
    if extra.body.get("Transform"):
        yield _not_offered(where, "Transform: macros are not expanded", "write out the resources that it makes")
    for logical_id, resource in extra.template.resources.items():
        if resource.type not in service_role.EXTRA_TYPES:
            yield _not_offered(
                f"{where} {logical_id}",
                f"{resource.type} is not offered in an extra",
                f"one of {', '.join(sorted(service_role.EXTRA_TYPES))}; or make it beside this deployment",
            )
        for name in sorted(service_role.REFUSED_PROPERTIES.get(resource.type, frozenset()) & set(resource.properties)):
            yield _not_offered(
                f"{where} {logical_id}.{name}",
                f"{name} of {resource.type} is not offered in an extra: it needs rights that nobody here has",
                "leave it out",
            )
    for name, output in extra.template.outputs.items():
        if output.get("Export"):
            yield _not_offered(
                f"{where} Outputs.{name}",
                "an Export may be another stack's, and locks stacks together",
                "leave Export out: parameters of other extras, and [env], take the output by its name",
            )
    for _ in arguments_of("Fn::ImportValue", dict(extra.body)):
        yield _not_offered(
            where,
            "Fn::ImportValue locks stacks together",
            f'a parameter instead, and [extras.{extra.name}] PARAMETER = "the value"',
        )
        break
    for name, declared in extra.template.parameters.items():
        if str(declared.get("NoEcho", "")).lower() == "true":
            yield _not_offered(
                f"{where} Parameters.{name}",
                "NoEcho: a secret as a parameter would stand in hermes.toml",
                "AWS::SecretsManager::Secret with GenerateSecretString, and a dynamic reference to it",
            )
    ports = extra.body.get("Metadata", {}).get(PORTS, [])
    if not isinstance(ports, list) or not all(type(port) is int and 0 < port < 65536 for port in ports):
        yield Finding("extra-invalid", f"{where} Metadata.{PORTS}", "is not a list of TCP ports", next="[5432], say")


def _foreign_mail(extra: Extra, settings: Settings) -> Iterator[Finding]:
    """Mail is sent from the certificate's domain, or one below it: only that is ours by a name."""
    domain = settings.certificate.domain
    for logical_id, resource in extra.template.resources.items():
        if resource.type != "AWS::SES::EmailIdentity":
            continue
        said = resource.properties.get("EmailIdentity")
        if said == {"Ref": "CertificateDomain"} or (isinstance(said, str) and f".{said}".endswith(f".{domain}")):
            continue
        yield _not_offered(
            f"{extra.file.path} {logical_id}",
            "mail is sent from the certificate's domain alone, or from one below it",
            "EmailIdentity: !Ref CertificateDomain, and the parameter CertificateDomain",
        )


def _not_offered(where: str, what: str, instead: str) -> Finding:
    return Finding("extra-not-offered", where, what, next=instead)


def _unknown_section(name: str, known: set[str]) -> Finding:
    there = ", ".join(sorted(known)) or "none"
    return Finding(
        "extra-unknown",
        f"hermes.toml extras.{name}",
        f"there is no extra {name!r}: {there}",
        next=hermes("extras", "add") + f", or extras/{name}.template.yaml",
    )


def together(settings: Settings, extras: Sequence[Extra], ours: Iterable[StackSpec]) -> list[StackSpec]:
    """Our stacks and those of the extras, wired; the service's waits for what the application's variables come from.

    Raises HermesError: a parameter that nothing feeds, an output that is not there, stacks that wait for each other.
    """
    specs = list(ours)
    names = Names.of(settings)
    outputs: dict[str, Mapping[str, Any]] = {spec.key: spec.template.get("Outputs", {}) for spec in specs}
    outputs |= {extra_key(extra.name): extra.template.outputs for extra in extras}
    wrong: list[Finding] = []
    for extra in extras:
        sources, findings = _fed(settings, extra, outputs)
        wrong += findings
        key = extra_key(extra.name)
        specs.append(
            StackSpec(
                key=key,
                name=names.stack(key),
                region=settings.region,
                template=extra.body,
                parameters=sources,
                follows=("foundation",),
                tags=dict(names.tags),
            )
        )
    waits: list[str] = []
    for name, value in settings.env.items():
        if isinstance(value, OutputValue):
            missing = _missing(value, outputs, f"hermes.toml env.{name}")
            wrong += missing
            key = _key(value.stack, outputs)
            if not missing and key != "service":
                waits.append(key)
    if wrong:
        raise ConfigurationError.of(wrong)
    specs = [
        replace(spec, follows=tuple(dict.fromkeys((*spec.follows, *waits)))) if spec.key == "service" else spec
        for spec in specs
    ]
    _without_circle(specs, settings)
    return specs


def _without_circle(specs: Iterable[StackSpec], settings: Settings) -> None:
    graph = {spec.key: spec.precursors for spec in specs}
    used = sorted({value.stack for value in settings.env.values() if isinstance(value, OutputValue)})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " waits for ".join(reversed(error.args[1]))
        why = "a stack is deployed after those whose outputs feed its parameters"
        if "service" in error.args[1] and used:
            why += f", and service after those that [env] names: {', '.join(used)}"
        raise HermesError(
            Finding(
                "extra-cycle",
                "extras",
                f"stacks wait for each other: {circle}",
                why=why,
                next="take one of these parameters, or the variable, out; or move what both need into an extra of its own",
            )
        ) from error


def _key(stack: str, outputs: Mapping[str, Any]) -> str:
    return extra_key(stack) if extra_key(stack) in outputs else stack


def _missing(value: OutputValue, outputs: Mapping[str, Mapping[str, Any]], where: str) -> list[Finding]:
    key = _key(value.stack, outputs)
    if key not in outputs:
        there = ", ".join(sorted(extra_name(one) for one in outputs))
        return [Finding("output-unknown", where, f"there is no stack {value.stack!r}", next=f"one of {there}")]
    if value.name not in outputs[key]:
        near = difflib.get_close_matches(value.name, list(outputs[key]), n=1)
        there = ", ".join(sorted(outputs[key])) or "none"
        meant = f"did you mean {value.stack}.{near[0]}? " if near else ""
        return [
            Finding(
                "output-unknown",
                where,
                f"stack {value.stack} has no output {value.name}",
                next=f"{meant}its outputs: {there}",
            )
        ]
    return []


def _fed(
    settings: Settings, extra: Extra, outputs: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Source], list[Finding]]:
    said = settings.extras.get(extra.name, {})
    sources: dict[str, Source] = {}
    wrong: list[Finding] = []
    mine = extra_key(extra.name)
    for name in said:
        if name not in extra.template.parameters:
            there = ", ".join(extra.template.parameters) or "none"
            wrong.append(
                Finding(
                    "extra-parameter",
                    f"hermes.toml extras.{extra.name}.{name}",
                    f"{extra.file.path} has no parameter {name}",
                    next=f"its parameters: {there}",
                )
            )
    offers = dict(_offers(settings, mine, outputs))
    for name, declared in extra.template.parameters.items():
        given = said.get(name)
        if isinstance(given, OutputValue):
            wrong += _missing(given, outputs, f"hermes.toml extras.{extra.name}.{name}")
            sources[name] = FromOutput(_key(given.stack, outputs), given.name)
        elif given is not None:
            sources[name] = FromSetting(given)
        elif len(found := offers.get(name, [])) == 1:
            sources[name] = found[0][1]
        elif "Default" not in declared:
            wrong.append(_unfed(extra, name, [place for place, _ in offers.get(name, [])], offers))
    return sources, wrong


Offer = tuple[str, Source]
"""Where a value comes from, as ``hermes.toml`` says it, and the source."""


def _offers(
    settings: Settings, mine: str, outputs: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, list[Offer]]]:
    """Every name by which a parameter is fed, with what feeds it; more than one where it is not clear."""
    own: dict[str, list[Offer]] = {}
    for section in type(settings).model_fields:
        content = getattr(settings, section)
        if not isinstance(content, BaseModel):
            continue
        for key in type(content).model_fields:
            if (value := _plain(getattr(content, key))) is not None:
                own[output_id(f"{section}_{key}")] = [(f"{section}.{key}", FromSetting(value))]
    given: dict[str, list[Offer]] = {}
    for stack, those in outputs.items():
        if stack == mine:
            continue
        for name in those:
            offer = (f"{extra_name(stack)}.{name}", FromOutput(stack, name))
            given.setdefault(name, []).append(offer)
            given.setdefault(output_id(extra_name(stack).replace("-", "_")) + name, []).append(offer)
    if not settings.own_network:
        given |= {output_id(name): [(f"network.{name}", of_network(settings, name))] for name in NETWORK}
    yield from {**given, **own}.items()


def _plain(value: Any) -> str | None:
    """A setting as a parameter is given it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, tuple) and all(isinstance(item, str | int) for item in value):
        return ",".join(map(str, value))
    return None


def _unfed(extra: Extra, name: str, places: Sequence[str], offers: Mapping[str, Any]) -> Finding:
    where = f"{extra.file.path} Parameters.{name}"
    if places:
        return Finding(
            "extra-parameter",
            where,
            f"several outputs are called {name}: {', '.join(places)}",
            next=f'[extras.{extra.name}] {name} = {{ output = "{places[0]}" }}',
        )
    near = difflib.get_close_matches(name, list(offers), n=3, cutoff=0.5)
    outputs = sorted(key for key, found in offers.items() if isinstance(found[0][1], FromOutput))
    return Finding(
        "extra-parameter",
        where,
        "nothing feeds it: there is no such setting, no such output, and it has no default",
        evidence=f"on offer: {', '.join(near + [one for one in outputs if one not in near][:20])}, "
        "and each setting by its name, like NetworkCidr",
        next=f'[extras.{extra.name}] {name} = "the value"' + (f"; or call it {near[0]}" if near else ""),
    )
