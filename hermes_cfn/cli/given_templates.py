"""Templates that a command line names: files, and folders with templates among other files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_cfn.errors import Finding, HermesError

if TYPE_CHECKING:
    from hermes_cfn.bill import Bill
    from hermes_cfn.cfn.template import Resource, Template
    from hermes_cfn.config.usage import Usage
    from hermes_cfn.pricing.books import Source

ENDINGS = (".yaml", ".yml", ".json", ".template")
MOST_FILES = 20_000
"""Of a folder that is looked through for templates."""


def bill_of(paths: Iterable[Path], region: str, parameters: tuple[str, ...], usage: Usage | None, book: Source) -> Bill:
    """One bill of everything that is named.  Raises :class:`HermesError` for what cannot be read."""
    from hermes_cfn import bill
    from hermes_cfn.pricing import books

    given = dict(pair.split("=", 1) for pair in parameters)
    prices = books.load(region, book)
    return bill.compute_templates(read(paths, given, region), region, prices, usage, given)


def read(
    paths: Iterable[Path], given: Mapping[str, str] | None = None, region: str = "us-east-1"
) -> dict[str, Template]:
    """Name -> template: a file by its name, one of a folder by its path inside; a folder's other files are left out.

    ``given`` are values of parameters, which loops of AWS::LanguageExtensions run over.  SAM templates are
    expanded as AWS does it in ``region``.  A nested stack whose template lies beside is read with its parent, and a file
    of a folder that another one nests is no stack of its own.
    """
    found: dict[str, Template] = {}
    reader = _Reader(region, given)
    paths = list(paths)
    for path in paths:
        if path.is_dir():
            inside = {one: text for one in _inside(path) if _is_template(text := _text(one))}
            if not inside:
                raise HermesError(Finding("template-missing", str(path), "no file of the folder has Resources"))
            made = {one: reader.template(one, text) for one, text in inside.items()}
            for one, template in made.items():
                if one.resolve() not in reader.nested:
                    found[one.relative_to(path).with_suffix("").as_posix()] = template
        else:
            found[path.stem if path.stem not in found else path.as_posix()] = reader.template(path, _text(path))
    single = len(found) == 1 and not any(path.is_dir() for path in paths)
    return {"template": next(iter(found.values()))} if single else found


NESTED = "AWS::CloudFormation::Stack"


class _Reader:
    """Reads templates with those of their nested stacks; ``nested`` are the files that some stack nests."""

    def __init__(self, region: str, given: Mapping[str, str] | None) -> None:
        self._region, self._given = region, given
        self.nested: set[Path] = set()

    def template(self, path: Path, text: str, above: tuple[Path, ...] = ()) -> Template:
        """A template and, under the logical IDs of its nested stacks, those that lie in files beside it.

        Raises :class:`HermesError` for what is no template, and for one that nests itself.
        """
        made = _parsed(path, text, self._region, None if above else self._given)
        here = (*above, path.resolve())
        inner: dict[str, Template] = {}
        for resource in made.resources.values():
            beside = _beside(path, resource) if resource.type == NESTED else None
            if beside is None:
                continue
            if beside in here:
                where = f"{path}: {resource.logical_id}"
                raise HermesError(
                    Finding(
                        "template-invalid",
                        where,
                        "the stack nests itself",
                        evidence=" -> ".join(one.name for one in (*here, beside)),
                        next="name another file in its TemplateURL",
                    )
                )
            self.nested.add(beside)
            inner[resource.logical_id] = self.template(beside, _text(beside), here)
        return replace(made, nested=inner) if inner else made


def _beside(path: Path, resource: Resource) -> Path | None:
    """The file of a nested stack: a path in its TemplateURL, as ``aws cloudformation package`` takes it, or CDK's asset."""
    asset = resource.metadata.get("aws:asset:path")
    named = asset if isinstance(asset, str) else resource.properties.get("TemplateURL")
    if not isinstance(named, str) or "://" in named:
        return None
    found = (path.parent / named).resolve()
    return found if found.is_file() else None


def _inside(folder: Path) -> list[Path]:
    """Files of a folder that may be templates, in order; links to folders are not followed.

    Raises HermesError ``folder-too-large``: nobody means a whole disk.
    """
    found: list[Path] = []
    seen = 0
    for place, _, names in os.walk(folder):
        seen += 1 + len(names)
        if seen > MOST_FILES:
            raise HermesError(
                Finding(
                    "folder-too-large",
                    str(folder),
                    f"there are more than {MOST_FILES:,} files in it",
                    next="name the folder of the templates, or the files themselves",
                )
            )
        found += [one for name in names if (one := Path(place, name)).suffix in ENDINGS and one.is_file()]
    return sorted(found)


def _is_template(text: str) -> bool:
    return "Resources" in text and ("Type" in text)


def _text(path: Path) -> str:
    from hermes_cfn.cfn import files

    try:
        return files.text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise HermesError(Finding("file-unreadable", str(path), str(error))) from error


def _parsed(path: Path, text: str, region: str, given: Mapping[str, str] | None) -> Template:
    from hermes_cfn.bill import sam
    from hermes_cfn.cfn.template import Template, load

    try:
        body = load(text)
        return Template.parse(sam.expanded(body, region, given) if isinstance(body, dict) else body, given)
    except HermesError as error:
        raise HermesError(
            *(replace(finding, where=f"{path}: {finding.where}") for finding in error.findings)
        ) from error
