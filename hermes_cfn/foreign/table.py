"""A format as a table: each key of it is taken as a setting, left for a reason, or not needed; no key is passed over.

A table's keys are paths with dots, ``*`` stands for any one key; its values are rules.  A rule gets the whole value
that stands there.  What no row names is left, too, with the nearest thing that :mod:`hermes_cfn.config.wishes` knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hermes_cfn.config import frameworks, secrets, starter, wishes
from hermes_cfn.errors import HermesError
from hermes_cfn.foreign.model import Home, Left, Reading, Taken
from hermes_cfn.foreign.values import MADE, Convert, Unfit, text

MOST_LEFT = 200
"""Lines that anybody reads of what was not taken."""

HINTS: tuple[tuple[str, str], ...] = (
    ("manage.py", "django"),
    ("DJANGO_", "django"),
    ("rails", "rails"),
    ("RAILS_", "rails"),
    ("artisan", "laravel"),
    ("PHX_", frameworks.PHOENIX),
    ("SPRING_", "spring"),
    ("npm ", "node"),
    ("node ", "node"),
    ("NODE_ENV", "node"),
)
"""A word of a command or a variable's name, and the framework that it is of; the first that is found counts."""


@dataclass
class Page:
    """A file that is being read: collects what is taken, and what is not."""

    file: str
    taken: list[Taken] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secret: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    made_by: str = "it is made by a program that is not run here"

    def origin(self, path: str) -> str:
        """The file and the key, without what could be a value."""
        return printable(f"{self.file} {path}".strip()[:160])

    def take(self, path: str, setting: str, value: Any) -> None:
        """A setting, if its section takes the value; else a reason.  The first that says a setting counts."""
        section, _, key = setting.partition(".")
        if MADE in repr(value):
            self.leave(path, self.made_by, f"write {setting} yourself")
            return
        if list(secrets.suspicious({section: {key: value}})):
            self.leave(path, "it looks like a secret, and hermes.toml holds none", "hermes-cfn secrets set NAME")
            return
        if any((one.section, one.key) == (section, key) for one in self.taken):
            if (section, key, value) not in [(one.section, one.key, one.value) for one in self.taken]:
                self.leave(path, f"{setting} is said by another line already", f"change {setting} yourself")
            return
        instead = refused(section, key, value)
        if instead:
            self.leave(path, f"{setting} does not take its value", instead)
            return
        self.taken.append(Taken(section, key, value, self.origin(path)))

    def process(self, path: str, name: str, command: Any, count: int = 1) -> None:
        """A process beside the web process, of the same image; one that may run only once is left, with the reason."""
        from hermes_cfn.foreign import values

        try:
            words = values.words(command)
        except values.Unfit as unfit:
            self.leave(path, f"its command {unfit}", "[processes]")
            return
        if _ONCE.fullmatch(name) or any(_ONCE.fullmatch(word) for word in words):
            self.wish(path, "singleton")
            return
        told = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        value = {"command": words} if count == 1 else {"command": words, "count": count}
        if refused("processes", told, value):
            self.wish(path, "worker")
        else:
            self.take(path, f"processes.{told}", value)

    def leave(self, path: str, why: str, nearest: str = "") -> None:
        told = Left(self.origin(path), printable(why), nearest)
        if len(self.left) < MOST_LEFT and told not in self.left:
            self.left.append(told)

    def wish(self, path: str, word: str) -> None:
        """Something that :mod:`hermes_cfn.config.wishes` has a sentence for."""
        known = wishes.of(word)
        if known is None:
            self.leave(path, "there is nothing like it here")
        elif known.setting:
            self.leave(path, "it is not taken by itself", str(known.instead))
        else:
            self.leave(path, known.why, str(known.instead))

    def variable(self, path: str, name: Any, value: Any) -> None:
        """A variable of the container; of what looks like a secret only the name."""
        if not isinstance(name, str) or refused("env", name, "x"):
            if isinstance(name, str) and list(secrets.suspicious({"env": {name: "x"}})):
                self.keep_secret(path, name)
            else:
                self.leave(path, "its name is no variable's", "letters, digits and underscores")
            return
        self.said.append(name)
        if value is None or (isinstance(value, str) and MADE in value):
            self.leave(path, "its value comes from elsewhere", f"write it in [env], or hermes-cfn secrets set {name}")
            return
        try:
            plain = text(value)
        except Unfit as unfit:
            self.leave(path, f"it {unfit}", "a line of [env]")
            return
        if _secret(name, plain):
            self.keep_secret(path, name)
        elif refused("env", name, plain):
            self.leave(path, "its value has several lines, or is too long", f"hermes-cfn secrets set {name}")
        elif name not in self.secret:
            self.take(path, f"env.{name}", plain)

    def otherwise(self, setting: str, value: Any, why: str) -> None:
        """A setting that the file does not say, and that its tool means by that."""
        section, _, key = setting.partition(".")
        if not any((one.section, one.key) == (section, key) for one in self.taken):
            self.taken.append(Taken(section, key, value, why))

    def keep_secret(self, path: str, name: Any) -> None:
        """A secret, by its name: its value is neither read nor kept."""
        if isinstance(name, str) and not refused("application", "secrets", (name,)):
            self.said.append(name)
            self.secret.setdefault(name, self.origin(path))
        else:
            self.leave(path, "its name is no variable's", "hermes-cfn secrets set NAME")

    def variables(self, path: str, value: Any, secret: bool = False) -> None:
        """Variables as a mapping, as ``NAME=value`` lines, or as ``{name, value}``; or names of secrets."""
        pairs: Iterable[tuple[Any, Any]]
        if isinstance(value, Mapping):
            pairs = value.items()
        elif isinstance(value, list):
            pairs = [_pair(one) for one in value]
        elif value is None:
            return
        else:
            self.leave(path, "these are no variables", "lines of [env]")
            return
        for name, one in pairs:
            where = f"{path}.{name}" if isinstance(name, str) and not refused("env", name, "x") else path
            if secret:
                self.keep_secret(where, name)
            else:
                self.variable(where, name, one)

    def reading(self, tool: str, files: Iterable[str], home: Home | None = None) -> Reading:
        """What came of it; a port that only the variable PORT says is the application's."""
        self.taken = [one for one in self.taken if one.section != "env" or one.key not in self.secret]
        known = {(one.section, one.key): one for one in self.taken}
        told = known.get(("env", "PORT"))
        if told and ("application", "port") not in known and str(told.value).isdecimal():
            self.take("", "application.port", int(told.value))
        if self.secret:
            origin = "; ".join(dict.fromkeys(self.secret.values()))
            self.taken.append(Taken("application", "secrets", tuple(self.secret), origin))
        commands = [" ".join(one.value) for one in self.taken if one.key == "migrate"]
        told_of = " ".join((*self.said, *commands)) + " "
        framework = next((kind for word, kind in HINTS if word in told_of), "")
        return Reading(
            tool, tuple(files), tuple(self.taken), tuple(self.left), tuple(self.notes), home, framework or "other"
        )


_NAMES = re.compile(r"(?i)(^|_)(pass|pwd|key|auth|dsn|pin|cert)\Z|pass|connection_?string|signing|encrypt|webhook")
_VALUES = re.compile(
    r"(?i:(password|passwd|pwd|secret|token|key)\s*[=:]\s*\S)|^[0-9a-fA-F]{32,}\Z"
    r"|^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/=_-]{24,}\Z"
)


def _secret(name: str, value: str) -> bool:
    """Whether a variable is better kept as a secret: more than the configuration refuses, for nobody looked at it."""
    plain = value.lower() in ("", "true", "false", "0", "1") or (value.isdecimal() and len(value) < 6)
    told = bool(list(secrets.suspicious({"env": {name: value}})))
    return told or bool(_VALUES.search(value)) or (not plain and bool(_NAMES.search(name)))


def printable(text: str) -> str:
    """The text in one line, without what a terminal or a comment would take for more."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _pair(one: Any) -> tuple[Any, Any]:
    if isinstance(one, Mapping):
        lower = {str(key).lower(): value for key, value in one.items()}
        if "name" in lower:
            return lower["name"], lower.get("value")
        return next(iter(one.items()), (None, None)) if len(one) == 1 else (None, None)
    if isinstance(one, str):
        name, sign, value = one.partition("=")
        return name.strip(), value if sign else None
    return None, None


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_BETWEEN = frozenset({"configuration-conflict"})
"""Codes of rules between settings, which are judged when all are known."""


def refused(section: str, key: str, value: Any) -> str:
    """What a section wants instead of a value that it does not take; empty where it takes it."""
    if section != "processes" and not _VARIABLE.fullmatch(key):
        return "letters, digits and underscores"
    try:
        starter.settings({section: {key: value}})
    except HermesError as error:
        own = [one for one in error.findings if one.code not in _BETWEEN]
        return next((str(one.next) or "another value" for one in own), "")
    except (ValueError, TypeError):
        return "another value"
    return ""


_ONCE = re.compile(r"beat|clock|cron|scheduler|celery-?beat|clockwork|schedule:work", re.IGNORECASE)
"""Names of processes of which there may be only one."""

Rule = Callable[[Page, str, Any], None]
Table = Mapping[str, Rule]


def to(setting: str, convert: Convert) -> Rule:
    """The row of a key that is a setting here, by another way of writing."""

    def rule(page: Page, path: str, value: Any) -> None:
        try:
            page.take(path, setting, convert(value))
        except Unfit as unfit:
            if MADE in repr(value):
                page.leave(path, page.made_by, f"write {setting} yourself")
            elif value is not None:
                page.leave(path, f"it {unfit}", f"write {setting} yourself")

    return rule


def wish(word: str) -> Rule:
    """The row of a key that is not offered as such: the sentence of :mod:`hermes_cfn.config.wishes`."""
    return lambda page, path, value: page.wish(path, word) if value not in (None, [], {}, "", False) else None


def because(why: str, nearest: str = "") -> Rule:
    """The row of a key that is not taken, for a reason of its own."""
    return lambda page, path, value: page.leave(path, why, nearest) if value not in (None, [], {}, "", False) else None


def variables(page: Page, path: str, value: Any) -> None:
    """The row of plain variables."""
    page.variables(path, value)


def secret_names(page: Page, path: str, value: Any) -> None:
    """The row of secrets."""
    page.variables(path, value, secret=True)


def needless(page: Page, path: str, value: Any) -> None:
    """The row of a key that says nothing about what is to run, or what is so here by itself."""


def walk(
    table: Table, document: Mapping[Any, Any], page: Page, above: str = "", otherwise: Rule | None = None, row: str = ""
) -> None:
    """Applies the table to every key of the document.

    A key without a row of its own has the nearest one above it (``otherwise``).  ``row`` is where in the table
    the document stands, ``above`` how that is told.
    """
    for key, value in document.items():
        here = f"{above}.{key}" if above else str(key)
        place = f"{row}.{key}" if row else str(key)
        rule = _rule(table, place) or otherwise
        if isinstance(value, Mapping) and any(_under(one, place) for one in table):
            walk(table, value, page, here, rule, place)
        elif rule is not None:
            rule(page, _short(here), value)
        elif value not in (None, [], {}, ""):
            page.wish(_short(here), str(key))


def _short(path: str) -> str:
    return path if path.isprintable() and len(path) < 100 else path.split(".")[0][:40]


def _rule(table: Table, path: str) -> Rule | None:
    if path in table:
        return table[path]
    parts = path.split(".")
    return next((rule for row, rule in table.items() if "*" in row and _fits(row.split("."), parts)), None)


def _fits(row: list[str], parts: list[str]) -> bool:
    return len(row) == len(parts) and all(
        word == part or (word.endswith("*") and part.startswith(word[:-1]))
        for word, part in zip(row, parts, strict=True)
    )


def _under(row: str, path: str) -> bool:
    words, parts = row.split("."), path.split(".")
    return len(words) > len(parts) and _fits(words[: len(parts)], parts)
