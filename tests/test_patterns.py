"""Patterns hold to the end of a text: Python's ``$`` lets a last newline through."""

import ast
import typing
from pathlib import Path

import pytest
from annotated_types import BaseMetadata
from pydantic import BaseModel, StringConstraints, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from hermes_cfn.config import Settings
from hermes_cfn.errors import HermesError
from hermes_cfn.instance.release import Release

ROOT = Path(__file__).resolve().parents[1]
LINES = {
    ("hermes_cfn/config/lines.py", "_HEADER"), ("hermes_cfn/config/edit.py", "_HEADER"),
    ("hermes_cfn/checks/last_words.py", "_rule"),
}  # fmt: skip
"""Patterns of single lines, which a line's end ends; nothing is admitted by them."""

READERS = {"compile", "match", "search", "fullmatch", "sub", "findall", "finditer", "split", "subn"}


def patterns(path):
    """Every literal pattern that the module gives to ``re`` or ``regex``, with whether it reads line by line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READERS:
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("re", "regex")) or not node.args:
                continue
            by_line = any(
                "MULTILINE" in ast.dump(one) for one in [*node.args[1:], *(word.value for word in node.keywords)]
            )
            for one in ast.walk(node.args[0]):
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.lineno, one.value, by_line


def dollars(pattern):
    """Whether a ``$`` outside of a class stands for the end."""
    inside, escaped = False, False
    for letter in pattern:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter in "[]":
            inside = letter == "["
        elif letter == "$" and not inside:
            return True
    return False


def test_no_pattern_of_the_product_ends_before_a_last_newline():
    found = []
    known = {path for path, _ in LINES}
    for path in sorted([*ROOT.joinpath("hermes_cfn").rglob("*.py"), *ROOT.joinpath("analysis").rglob("*.py")]):
        name = str(path.relative_to(ROOT))
        found += [
            (name, line, text) for line, text, by_line in patterns(path)
            if dollars(text) and not by_line and name not in known
        ]  # fmt: skip
    assert not found, "write fullmatch, or \\Z for $"


def test_the_walk_sees_a_dollar():
    assert (
        dollars(r"^a$") and dollars(r"(a|b$)c") and not dollars(r"a\$") and not dollars(r"[$]") and not dollars(r"a\Z")
    )


def constrained(annotation, metadata=(), path=()):
    """Every pattern in a model's fields, however deep, as path and pattern."""
    for one in metadata:
        if isinstance(one, StringConstraints) and one.pattern:
            yield path, str(one.pattern)
        if isinstance(one, FieldInfo):
            yield from ((path, item.pattern) for item in one.metadata if getattr(item, "pattern", None))
        elif isinstance(one, BaseMetadata) or not isinstance(one, StringConstraints):
            yield from ((path, one.pattern) for _ in [0] if getattr(one, "pattern", None))
    if typing.get_origin(annotation) is typing.Annotated:
        yield from constrained(typing.get_args(annotation)[0], annotation.__metadata__, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if name != "siblings":
                yield from constrained(field.annotation, field.metadata, (*path, name))
    else:
        for inner in typing.get_args(annotation):
            yield from constrained(inner, (), path)


PATTERNS = sorted(set(constrained(Settings)))
WELL = ["hermes", "/health", "SIGTERM", "123456789012", "eu-south-2", "t4g.small", "Z0123456789ABC", "50%", "example.com",
        "a@example.com", "main", "cd.yml", "USD", "NAME", "ELBSecurityPolicy-TLS13", "arn:aws:iam::123456789012:role/x",
        "arn:aws:acm:eu-south-2:123456789012:certificate/x", "10.0.0.0/16", "eu-south-2a", "key", "s3", "2026-01-01", "extras.uploads", "uploads.BucketName",
        "08:30", "vpc-0123456789abcdef0", "subnet-0123456789abcdef0",
        "arn:aws:elasticloadbalancing:eu-south-2:123456789012:listener/app/shared/0123456789abcdef/0123456789abcdef"]  # fmt: skip


@pytest.mark.parametrize("pattern", sorted({pattern for _, pattern in PATTERNS}))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_no_setting_takes_a_last_newline(pattern, end):
    asked = TypeAdapter(typing.Annotated[str, StringConstraints(pattern=pattern)])
    well = [text for text in WELL if accepts(asked, text)]
    assert well, f"no example for {pattern}: one more in WELL"
    for text in well:
        assert not accepts(asked, text + end)


def accepts(adapter, text):
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True


def test_the_settings_were_walked():
    assert {("application", "name"), ("github", "branch"), ("account", "operators")} <= {path for path, _ in PATTERNS}


@pytest.mark.parametrize("wrong", [{"id": "a\n"}, {"image": f"a@sha256:{0:064x}\n"}, {"id": ""}, {"id": "a b"}])
def test_a_release_is_named_exactly(wrong):
    good = {"id": "a", "image": f"a@sha256:{0:064x}", "tag": "a"}
    assert Release(**good)
    with pytest.raises(HermesError) as raised:
        Release(**{**good, **wrong})
    assert raised.value.findings[0].code == "release-invalid"
