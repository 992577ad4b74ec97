"""What state an alarm is in, by its data: one metric, metric math, or a rule over other alarms.

Amazon CloudWatch user guide: "Using Amazon CloudWatch alarms" (evaluation, missing data), "Using math
expressions with CloudWatch metrics" (functions, operators), "Creating a composite alarm" (rule expressions).
"""

from __future__ import annotations

import ast
import math
import operator
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_ORIGIN = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
COMPARE: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
Series = list[float | None]
"""A value for each period, the oldest first; None where there is no data."""


class Unreadable(Exception):
    """An expression or rule that is not known here."""


def statistic(name: str, values: list[float]) -> float:
    """One value of a period: Sum, Average, Minimum, Maximum, SampleCount or a percentile ``pNN``."""
    if name.startswith("p"):
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, math.ceil(float(name[1:]) / 100 * len(ordered)) - 1)]
    functions: dict[str, Any] = {
        "Sum": sum, "Average": statistics.fmean, "Minimum": min, "Maximum": max, "SampleCount": len,
    }  # fmt: skip
    return float(functions[name](values))


def series(data: Iterable[Any], stat: str, period: int, count: int, now: datetime) -> Series:
    """The statistic of each of the last ``count`` whole periods of ``period`` seconds before ``now``."""
    last = math.floor((now - _ORIGIN).total_seconds() / period)
    found: Series = []
    for number in range(last - count, last):
        begin = _ORIGIN + timedelta(seconds=number * period)
        end = begin + timedelta(seconds=period)
        values = [
            datum.value
            for datum in data
            if begin <= datum.timestamp.replace(tzinfo=None) < end and hasattr(datum, "value")
        ]
        found.append(statistic(stat, values) if values else None)
    return found


def state_of(alarm: Any, data: list[Any], now: datetime) -> str | None:
    """The state of an alarm on one metric; None keeps the one it has."""
    stat = alarm.statistic or alarm.extended_statistic or "Average"
    return judged(alarm, series(data, stat, int(alarm.period), int(alarm.evaluation_periods), now))


def judged(alarm: Any, values: Series) -> str | None:
    """The state by the values of the evaluated periods; None keeps the one it has.

    ``datapoints_to_alarm`` of them must breach; missing ones count as the alarm says, by default not
    at all.
    """
    treat = alarm.treat_missing_data or "missing"
    breaches, _ = COMPARE[alarm.comparison_operator]
    breached: list[bool] = []
    for value in values:
        if value is not None:
            breached.append(bool(breaches(value, float(alarm.threshold))))
        elif treat in ("breaching", "notBreaching"):
            breached.append(treat == "breaching")
    if not breached:
        return None if treat == "ignore" else "INSUFFICIENT_DATA"
    needed = min(int(alarm.datapoints_to_alarm or alarm.evaluation_periods), len(breached))
    return "ALARM" if sum(breached) >= needed else "OK"


def reason(alarm: Any, values: Series, state: str) -> str:
    """Why, as CloudWatch words it."""
    known = [value for value in values if value is not None]
    if state == "INSUFFICIENT_DATA":
        return "Insufficient Data: no datapoints were received for the evaluated periods."
    _, words = COMPARE[alarm.comparison_operator]
    verb = ("was " if len(known) == 1 else "were ") + ("" if state == "ALARM" else "not ")
    points = f"{len(known)} datapoint{'' if len(known) == 1 else 's'} [{', '.join(f'{value:g}' for value in known)}]"
    return f"Threshold Crossed: {points} {verb}{words} the threshold ({float(alarm.threshold):g})."


def returned(alarm: Any, found: Callable[[Any, int], Series]) -> Series:
    """The values of an alarm with metric math; ``found(metric_stat, period)`` gives those of a metric.

    Raises :class:`Unreadable`.
    """
    queries = {query.id: query for query in alarm.metric_data_queries}
    known = {one.id: found(one.metric_stat, int(one.metric_stat.period)) for one in queries.values() if one.metric_stat}
    expressions = {one.id: str(one.expression) for one in queries.values() if one.expression}
    for _ in range(len(expressions)):
        for name, text in expressions.items():
            if name not in known and not _names(text) & (expressions.keys() - known.keys()):
                known[name] = math_of(text, known)
    shown = [name for name, one in queries.items() if str(one.return_data).lower() == "true"]
    name = (shown or list(queries))[0]
    if name not in known:
        raise Unreadable(f"{name} cannot be evaluated")
    return known[name]


_WORDS = ((r"\bAND\b|&&", " and "), (r"\bOR\b|\|\|", " or "), (r"\^", "**"))


def _tree(text: str) -> ast.expr:
    for pattern, word in _WORDS:
        text = re.sub(pattern, word, text)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise Unreadable(text) from error


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(_tree(text)) if isinstance(node, ast.Name)}


def math_of(text: str, known: Mapping[str, Series]) -> Series:
    """A math expression over series of one length.  Raises :class:`Unreadable`."""
    length = len(next(iter(known.values()), []))
    value = _value(_tree(text), known)
    if isinstance(value, float):
        return [value] * length
    if any(isinstance(item, list) for item in value):
        raise Unreadable(text)
    made: Series = value
    return made


_BINARY: dict[type, Callable[[float, float], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.And: lambda left, right: bool(left) and bool(right), ast.Or: lambda left, right: bool(left) or bool(right),
}  # fmt: skip
_UNARY: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_MANY: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum, "AVG": statistics.fmean, "MIN": min, "MAX": max,
}  # fmt: skip


def _value(node: ast.AST, known: Mapping[str, Series]) -> Any:
    """A number, a series, or a list of series."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.List):
        return [_value(item, known) for item in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _each(operator.neg, _value(node.operand, known))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _each(_BINARY[type(node.op)], _value(node.left, known), _value(node.right, known))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _BINARY:
        return _each(_BINARY[type(node.ops[0])], _value(node.left, known), _value(node.comparators[0], known))
    if isinstance(node, ast.BoolOp):
        first, *rest = (_value(item, known) for item in node.values)
        for item in rest:
            first = _each(_BINARY[type(node.op)], first, item)
        return first
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id.upper(), node.args, known)
    raise Unreadable(ast.unparse(node) if isinstance(node, ast.expr) else str(node))


def _call(name: str, arguments: list[ast.expr], known: Mapping[str, Series]) -> Any:
    if name == "METRICS" and not arguments:
        return list(known.values())
    if name == "FILL" and len(arguments) == 2:
        if isinstance(arguments[1], ast.Name) and arguments[1].id == "REPEAT":
            return _repeated(_value(arguments[0], known))
        return _each(lambda value, other: other if value is None else value, *_both(arguments, known), missing=True)
    values = [_value(argument, known) for argument in arguments]
    if name == "IF" and len(values) == 3:
        return _each(lambda test, yes, no: None if test is None else yes if test else no, *values, missing=True)
    if name in _UNARY and len(values) == 1:
        return _each(_UNARY[name], values[0])
    if (
        name in _MANY
        and len(values) == 1
        and isinstance(values[0], list)
        and any(isinstance(item, list) for item in values[0])
    ):
        return [
            _MANY[name](here) if (here := [one for one in column if one is not None]) else None
            for column in zip(*values[0], strict=True)
        ]
    raise Unreadable(f"{name} of {len(values)} arguments")


def _both(arguments: list[ast.expr], known: Mapping[str, Series]) -> tuple[Any, Any]:
    return _value(arguments[0], known), _value(arguments[1], known)


def _repeated(values: Series) -> Series:
    found: Series = []
    for value in values:
        found.append(found[-1] if value is None and found else value)
    return found


def _each(function: Callable[..., Any], *values: Any, missing: bool = False) -> Any:
    """``function`` period by period; without ``missing`` a period with a gap has no value, as one divided by zero."""
    length = next((len(value) for value in values if isinstance(value, list)), None)

    def one(*parts: Any) -> float | None:
        if not missing and None in parts:
            return None
        try:
            result = function(*parts)
        except ZeroDivisionError:
            return None
        return None if result is None else float(result)

    if length is None:
        result = one(*values)
        return math.nan if result is None else result
    columns = [value if isinstance(value, list) else [value] * length for value in values]
    if any(isinstance(part, list) for column in columns for part in column):
        raise Unreadable("an operator over lists of metrics")
    return [one(*parts) for parts in zip(*columns, strict=True)]


_STATE = re.compile(r"""\b(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)""")


def composed(rule: str, states: Mapping[str, str]) -> str:
    """``ALARM`` or ``OK``: a composite alarm's rule over the states of others, by name or ARN.

    Raises :class:`Unreadable`.
    """

    def told(match: re.Match[str]) -> str:
        name = next(part for part in match.groups()[1:] if part).rpartition(":alarm:")[2]
        return str(states.get(name) == match.group(1))

    text = re.sub(r"\b(AND|OR|NOT)\b", lambda match: match.group().lower(), _STATE.sub(told, rule))
    text = re.sub(r"\bTRUE\b", "True", re.sub(r"\bFALSE\b", "False", text))
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise Unreadable(rule) from error
    return "ALARM" if _holds(tree) else "OK"


def _holds(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.BoolOp):
        return (all if isinstance(node.op, ast.And) else any)([_holds(item) for item in node.values])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _holds(node.operand)
    raise Unreadable(ast.dump(node))
