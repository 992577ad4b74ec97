"""Reading ``hermes.toml``: everything that is wrong with it is said at once, with its line."""

from __future__ import annotations

import copy
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hermes_cfn.config import extras, wishes
from hermes_cfn.config.existing_rules import between
from hermes_cfn.config.lines import line_of, lines, syntax_line
from hermes_cfn.config.meanings import meaning
from hermes_cfn.config.rules import RULES, apart
from hermes_cfn.config.secrets import suspicious
from hermes_cfn.config.settings import NAMED, Settings
from hermes_cfn.config.spelling import toml
from hermes_cfn.errors import Advice, ConfigurationError, Finding, hermes

Key = tuple[str, ...]
REGION: Key = ("account", "region")
Problem = tuple[Key, str, str, str | Advice]
"""Key, code, what, what instead."""


def load(path: Path, environment: str | None = None) -> Settings:
    """The settings of ``path``, with ``[environments.NAME]`` laid over them.

    Raises :class:`ConfigurationError` with every finding.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigurationError(
            Finding(
                "configuration-unreadable",
                str(path),
                f"cannot be read: {reason}",
                next=hermes("init") + " writes one; --config FILE before the verb names another",
            )
        ) from error
    return parse(text, environment, str(path), extras.read(path.parent / extras.FOLDER))


def parse(
    text: str, environment: str | None = None, name: str = "hermes.toml", files: tuple[extras.ExtraFile, ...] = ()
) -> Settings:
    """The settings of a TOML text, knowing those of the other environments that it describes, and the extras beside it.

    Raises :class:`ConfigurationError` with every finding.
    """

    def one(which: str | None) -> Settings:
        return _one(text, which, name).with_extras(files)

    settings = one(environment)
    others = [one(other) for other in _environments(text)]
    problems: list[Problem] = [
        (key, "configuration-conflict", what, instead) for key, what, instead in apart(_environments(text))
    ]
    if problems:
        where = lines(text)
        raise ConfigurationError.of(_finding(problem, where, name) for problem in problems)
    shared = (settings.application.name, settings.account.id, settings.region)
    family = tuple(one for one in others if (one.application.name, one.account.id, one.region) == shared)
    problems = [(key, "configuration-conflict", what, instead) for key, what, instead in between(family)]
    if problems:
        where = lines(text)
        raise ConfigurationError.of(_finding(problem, where, name) for problem in _once(problems))
    together = tuple(one.environment.name for one in family)
    family = tuple(one.beside(together) for one in family)
    knowing = tuple(one.model_copy(update={"siblings": family}) for one in family)
    return settings.beside(together).model_copy(update={"siblings": knowing})


def _environments(text: str) -> list[str]:
    """The base environment and every overlay, in the file's order."""
    content = tomllib.loads(text)
    base = str(content.get("environment", {}).get("name", "production"))
    return list(dict.fromkeys([base, *content.get("environments", {})]))


def _one(text: str, environment: str | None, name: str) -> Settings:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = syntax_line(error)
        place = f"{name}:{line}" if line else name
        raise ConfigurationError(Finding("configuration-syntax", place, f"is not TOML: {error}")) from error

    where = lines(text)
    overlays = content.pop("environments", {})
    problems: list[Problem] = [
        (
            key,
            "secret-in-configuration",
            f"looks like a secret: {what}",
            "take it out (and change it, if it was real): " + hermes("secrets", "set", "NAME"),
        )
        for key, what in suspicious({**content, **({"environments": overlays} if isinstance(overlays, dict) else {})})
    ]
    told = {key for key, *_ in problems}
    merged, origin = _overlaid(content, overlays, environment, problems)
    settings, found = _validated(merged, told, origin)
    problems += found
    if settings is not None:
        wrong = {problem[0] for problem in found}
        for rule in RULES:
            for key, what, instead in rule(settings):
                # What is wrong by itself stands here as its default.
                if origin.get(key, key) not in wrong and not _follows(key, wrong, origin):
                    problems.append((origin.get(key, key), "configuration-conflict", what, instead))
    if problems or settings is None:
        raise ConfigurationError.of(_finding(problem, where, name) for problem in _once(problems))
    return settings


def _follows(key: Key, wrong: set[Key], origin: Mapping[Key, Key]) -> bool:
    """Whether a rule speaks of what is wrong already: a region that is wrong has no zones to compare with, and what
    ``[scaling]`` lacks may be what could not be read."""
    if key == ("network", "zones"):
        return origin.get(REGION, REGION) in wrong
    return key[0] == "scaling" and any(one[-2:-1] == ("scaling",) for one in wrong)


def _overlaid(
    content: dict[str, Any], overlays: Any, environment: str | None, problems: list[Problem]
) -> tuple[dict[str, Any], dict[Key, Key]]:
    """The content of the environment asked for, and where an overlaid key was written."""
    merged = copy.deepcopy(content)
    origin: dict[Key, Key] = {}
    base = content.get("environment", {})
    own = base.get("name", "production") if isinstance(base, Mapping) else "production"
    if not isinstance(overlays, Mapping):
        problems.append((("environments",), "configuration-invalid", "is not a table", "[environments.NAME]"))
        return merged, origin
    if environment is None or (environment == own and environment not in overlays):
        return merged, origin
    overlay = overlays.get(environment)
    if not isinstance(overlay, Mapping):
        known = ", ".join(sorted({str(own), *overlays}))
        problems.append(
            (("environments",), "environment-unknown", f"there is no environment {environment!r}", f"one of {known}")
        )
        return merged, origin
    for section, values in overlay.items():
        if isinstance(values, Mapping) and isinstance(merged.get(section, {}), Mapping):
            base_values = merged.get(section, {})
            # `routes = {}`: none of those that the other environment has.
            merged[section] = {} if section in NAMED and not values else {**base_values, **values}
            for name in (NAMED.get(section) and values) or ():
                if isinstance(values[name], Mapping) and isinstance(base_values.get(name), Mapping):
                    merged[section][name] = {**base_values[name], **values[name]}
        else:
            merged[section] = values
        keys = values if isinstance(values, Mapping) else ()
        origin[(section,)] = ("environments", environment, section)
        origin |= {(section, key): ("environments", environment, section, key) for key in keys}
    named = merged.get("environment", {})
    merged["environment"] = {**(named if isinstance(named, Mapping) else {}), "name": environment}
    return merged, origin


def _validated(
    content: dict[str, Any], told: set[Key], origin: Mapping[Key, Key]
) -> tuple[Settings | None, list[Problem]]:
    """Settings without the keys that are wrong, so that the rules can still speak of the others."""
    problems: list[Problem] = []
    for _ in range(2):
        try:
            return Settings.model_validate(content), problems
        except ValidationError as error:
            for detail in error.errors():
                path = tuple(str(part) for part in detail["loc"] if part != "[key]")
                key: Key = path[:3] if _named(path) else path[:2]
                written = origin.get(key, origin[key[:2]] + key[2:] if key[:2] in origin else key)
                if written not in told:
                    problems.append((written, *_explained(dict(detail), path)))
                _without(content, path)
    return None, problems


def _named(path: Key) -> type[BaseModel] | None:
    """What each table of a section is where their names are the user's, as in ``[processes.NAME]``."""
    section = Settings.model_fields.get(path[0])
    inner = get_args(section.annotation)[1:] if section is not None else ()
    return next((one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _section(path: Key) -> type[BaseModel] | None:
    """The model that the key of ``path`` is one of; None where names are the user's."""
    if len(path) == 1:
        return Settings
    section = Settings.model_fields.get(path[0])
    if section is None:
        return None
    if isinstance(section.default, BaseModel):
        return type(section.default) if len(path) == 2 else None
    return _named(path) if len(path) == 3 else None


def _without(content: dict[str, Any], path: Key) -> None:
    """Takes out the key; of a table that the user named, the table: what is left of it would be judged as if it were whole."""
    section = content.get(path[0])
    if len(path) > 1 and isinstance(section, dict):
        section.pop(path[1], None)
    else:
        content.pop(path[0], None)


def _explained(detail: Mapping[str, Any], path: Key) -> tuple[str, str, str | Advice]:
    kind, given = detail["type"], detail.get("input")
    if "output" in path[2:-1]:
        return "configuration-invalid", "is not an output of a stack", OUTPUT
    if kind == "extra_forbidden":
        return _unknown(path)
    shown = "" if isinstance(given, Mapping | list) else f"{toml(given)}: "
    return "configuration-invalid", shown + _plain(detail), _respelled(kind, given) or _instead(path)


OUTPUT = 'a text, or an output of a stack: { output = "STACK.OUTPUT" }, such as { output = "uploads.BucketName" }'


def _unknown(path: Key) -> tuple[str, str, str | Advice]:
    """What to write instead of a key that is not one: by its meaning, else by its spelling."""
    known = _keys_beside(path)
    what = f"{path[-1]!r} is not a key that is known here"
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.6)
    meant = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(sorted(known))}"
    wish = wishes.of(path[-1])
    if wish is None:
        return "configuration-unknown-key", what, meant
    if near and wish.setting.rpartition(".")[2] == near[0]:
        return "configuration-unknown-key", what, f"{meant} " + wish.sentence
    if difflib.get_close_matches(path[-1], known, n=1, cutoff=0.9):
        return "configuration-unknown-key", what, f"{meant} Or: " + wish.sentence
    if wish.setting:
        return "configuration-unknown-key", what, wish.sentence
    return "configuration-not-offered", f"{path[-1]!r} is not offered", wish.sentence


def _plain(detail: Mapping[str, Any]) -> str:
    kind = str(detail["type"])
    if kind in KINDS:
        return KINDS[kind]
    message = str(detail["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


KINDS: Mapping[str, str] = {
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "bool_type": "is not true or false",
    "tuple_type": "is not a list",
    "list_type": "is not a list",
    "dict_type": "is not a table",
    "mapping_type": "is not a table",
    "model_type": "is not a table",
    "missing": "is missing",
}
"""Pydantic's names of a wrong type, in TOML's words."""


def _respelled(kind: str, given: Any) -> str:
    """The same value as the right type, where that is plain; empty elsewhere."""
    match kind, given:
        case "string_type", bool() | int() | float():
            return f"write it in quotes: {toml(toml(given))}"
        case "tuple_type", str():
            return f"write a list: {toml(given.split())}"
        case "bool_type", str() if given.strip().lower() in YES | NO:
            return f"write it without quotes: {toml(given.strip().lower() in YES)}"
        case (("int_type" | "float_type"), str()) if given.strip().isdecimal() and given.isascii():
            return f"write it without quotes: {given.strip().lstrip('0') or '0'}"
    return ""


YES = frozenset({"yes", "true", "on"})
NO = frozenset({"no", "false", "off"})


def _instead(path: Key) -> str:
    """The default, as an example of what would be right."""
    section = Settings.model_fields.get(path[0])
    if section is None or len(path) < 2:
        return "a table, like [application]"
    model = _section(path[:3] if _named(path) else path[:2])
    if _named(path) and len(path) == 2:
        return f"a table like [{path[0]}.name], its name of small letters, digits and dashes"
    field = model.model_fields.get(path[2 if _named(path) else 1]) if model else None
    if field is None:
        return ""
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str | int) for choice in choices):
        return f"one of {', '.join(map(str, choices))}"
    if path[-1] in EXAMPLES:
        return f"like {path[-1]} = {EXAMPLES[path[-1]]}"
    default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
    if default is None or default in ("", (), {}):
        return meaning(path[0], path[2 if _named(path) else 1])
    return f"a value like {toml(default)}"


EXAMPLES: Mapping[str, str] = {"command": '["python", "manage.py", "worker"]', "user": '"1000:1000"'}
"""What a key looks like whose default shows nothing."""


def _keys_beside(path: Key) -> list[str]:
    if len(path) == 1:
        return [*(name for name in Settings.model_fields if name != "siblings"), "environments"]
    section = _section(path)
    return list(section.model_fields) if section else []


def _once(problems: list[Problem]) -> Iterator[Problem]:
    seen: set[tuple[Key, str]] = set()
    for problem in problems:
        if (problem[0], problem[2]) not in seen:
            seen.add((problem[0], problem[2]))
            yield problem


def _finding(problem: Problem, where: Mapping[Key, int], name: str) -> Finding:
    key, code, what, instead = problem
    line = line_of(where, key)
    place = f"{name}:{line}" if line else name
    return Finding(code, f"{place} {'.'.join(key)}", what, next=instead)
