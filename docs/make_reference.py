"""``docs/reference.md`` from the code: configuration keys, verbs, exit codes, error codes.

``python docs/make_reference.py`` writes it; ``--check`` fails when it is stale.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel

from hermes_cfn.cli import GROUPS, VERBS, hermes
from hermes_cfn.config import Settings
from hermes_cfn.config.meanings import SECTIONS, meaning
from hermes_cfn.config.spelling import toml
from hermes_cfn.errors import ExitCode

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"

EXITS = {
    ExitCode.OK: "done, or nothing to do",
    ExitCode.FAILED: "it could not be done; the finding says why and what to type next",
    ExitCode.USAGE: "the command line or `hermes.toml` is wrong; nothing was started",
    ExitCode.CHANGES: "there are changes: `plan --detailed-exitcode`, `render --check`",
    ExitCode.OVER_BUDGET: "the bill would be above the budget's ceiling",
    ExitCode.LOCKED: "somebody else holds the deploy lock",
    ExitCode.ROLLED_BACK: "the release failed and the one before it runs everywhere again",
    ExitCode.REFUSED: "a guard refused, before anything was touched",
    ExitCode.NOT_ALLOWED: "it would do what `--allow` does not name",
    ExitCode.INTERRUPTED: "interrupted; the same command goes on from there",
}


def page() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "Made from the code by `docs/make_reference.py`; edit there.",
        _configuration(),
        _verbs(),
        _exits(),
        _codes(),
    ]
    return "\n\n".join(parts) + "\n"


def _configuration() -> str:
    lines = [
        "## `hermes.toml`",
        "",
        "Every key has a default, the guide's; an empty file is the guide's deployment. `[environments.NAME.SECTION]`"
        " lays other values over a section for `--env NAME`. Keys and tables that are not known are errors.",
    ]
    empty = Settings()
    for section, what in SECTIONS.items():
        lines += ["", f"### `[{section}]`", "", what, ""]
        value = getattr(empty, section)
        model = type(value) if isinstance(value, BaseModel) else _inner(section)
        if model is None:
            continue
        lines += ["| key | default | values | meaning |", "|---|---|---|---|"]
        for key, field in model.model_fields.items():
            said = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
            said = value.model_dump(mode="python")[key] if isinstance(value, BaseModel) else said
            default = "must be given" if field.is_required() else "not given" if said is None else f"`{toml(said)}`"
            lines.append(f"| `{key}` | {default} | {_values(field)} | {_cell(meaning(section, key))} |")
    return "\n".join(lines)


def _inner(section: str) -> type[BaseModel] | None:
    """What each table of a section is, where their names are the user's: ``[routes.NAME]``."""
    inner = get_args(Settings.model_fields[section].annotation)
    return next((one for one in inner[1:] if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _values(field: Any) -> str:
    """Choices or limits of a field, where it has any."""
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str | int)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    limits = {
        name: getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(rule, name)
    }
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if low is None and high is None:
        return ""
    return f"{low} to {high}" if high is not None else f"at least {low}" if "ge" in limits else f"above {low}"


def _verbs() -> str:
    lines = [
        "## Verbs",
        "",
        "Options before the verb: `--config FILE` (`hermes.toml`), `--env NAME`, `--profile NAME`, `--local`, `--debug`.",
        "`--local` may also stand after the verb, and means the embedded cloud on this machine.",
    ]
    context = click.Context(hermes)
    there = hermes.list_commands(context)
    for group, title in GROUPS.items():
        for verb in (name for name in there if VERBS[name][0] == group):
            command = importlib.import_module(f"hermes_cfn.cli.{verb.replace('-', '_')}").command
            lines += ["", f"### `{verb}`", "", f"*{title}.* {VERBS[verb][1]}", *_command(verb, command)]
    return "\n".join(lines)


def _command(path: str, command: click.Command) -> Iterator[str]:
    usage = " ".join(piece for piece in command.collect_usage_pieces(click.Context(command)) if piece != "[OPTIONS]")
    yield ""
    yield f"`hermes-cfn {path}{' ' + usage if usage else ''}` — {' '.join((command.help or '').split())}"
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        yield ""
        for option in options:
            names = ", ".join([*option.opts, *option.secondary_opts])
            yield f"* `{names}`{_choices(option)} — {option.help or ''}"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(f"{path} {name}", inner)


def _choices(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return " " + ", ".join(f"`{choice}`" for choice in option.type.choices)
    return ""


def _exits() -> str:
    rows = [f"| {code.value} | {EXITS[code]} |" for code in ExitCode]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows])


def _codes() -> str:
    """Every ``Finding("code", …)`` of the product, read from its source."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "hermes_cfn").rglob("*.py")):
        room = path.relative_to(ROOT / "hermes_cfn").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Finding"
                and node.args
            ):
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    found.setdefault(str(code.value), set()).add(room)
    rows = [
        f"| `{code}` | {', '.join(f'`{room}`' for room in sorted(rooms))} |" for code, rooms in sorted(found.items())
    ]
    lines = [
        "## Error codes",
        "",
        f"{len(rows)} codes. Each comes with where, what, why where it is known, the evidence and the next command;"
        " `--format json` carries all of them. Codes do not change between versions.",
        "",
        "| code | said by |",
        "|---|---|",
    ]
    return "\n".join([*lines, *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
