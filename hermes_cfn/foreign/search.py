"""Which tool's a file is, by what it holds and how it is called; a folder is searched for files by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign import apprunner, beanstalk, compose, copilot, ecs, files, fly, heroku, kamal
from hermes_cfn.foreign.model import Left, Reading

TOOLS = (
    kamal.TOOL,
    fly.TOOL,
    copilot.TOOL,
    ecs.TOOL,
    ecs.EXPRESS,
    apprunner.TOOL,
    beanstalk.TOOL,
    heroku.TOOL,
    compose.TOOL,
)
"""In the order in which a folder's files are preferred: what deploys before what only starts locally."""


def read(path: Path) -> Reading:
    """What another tool's file, or the files of a folder, say.

    Raises HermesError: ``from-missing``, ``from-unknown``, ``from-unreadable``, ``from-no-web``.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if path.is_file():
            return _file(path)
    except RecursionError as error:
        raise files.unreadable(path, "refers to itself, or is nested too deep") from error
    raise HermesError(
        Finding("from-missing", str(path), "there is no such file", next="name a file or a folder that is there"),
        exit_code=ExitCode.USAGE,
    )


def _file(path: Path) -> Reading:
    """By content; a name decides only where two formats look alike."""
    said = files.text(path)
    if path.name == "Procfile" or (path.suffix == "" and heroku.fits_procfile(said)):
        beside = path.with_name("app.json")
        return heroku.read(path, beside if beside.is_file() and _fits(beside, heroku.fits) else None)
    if path.suffix == ".toml":
        if fly.fits(files.as_toml(path, said)):
            return fly.read(path, said, path.name)
    elif path.suffix == ".json":
        document = files.as_json(path, said)
        if beanstalk.fits(document):
            return beanstalk.read(path, [], path.parent)
        if ecs.fits(document):
            return ecs.read(path, said, path.name)
        if heroku.fits(document):
            beside = path.with_name("Procfile")
            return heroku.read(beside if beside.is_file() else None, path)
    else:
        return _yaml(path, said)
    raise _unknown(path)


def _yaml(path: Path, said: str) -> Reading:
    clean, marks = files.without_erb(said)
    document = files.as_yaml(path, clean, "it is ERB, too" if marks else "")
    if path.suffix == ".config" and beanstalk.fits_config(document):
        return beanstalk.read(None, [path])
    kinds: tuple[tuple[Callable[[Any], bool], Callable[[Path, str, str], Reading]], ...] = (
        (copilot.fits, copilot.read),
        (apprunner.fits, apprunner.read),
        (kamal.fits, kamal.read),
        (compose.fits, compose.read),
    )
    for fits, reader in kinds:
        if fits(document):
            return reader(path, said, path.name)
    raise _unknown(path)


def _unknown(path: Path) -> HermesError:
    return HermesError(
        Finding(
            "from-unknown",
            str(path),
            "it is of none of the tools that are known here",
            why="known are Kamal's deploy.yml, fly.toml, Copilot's manifest.yml, Docker Compose, Procfile and app.json, "
            "apprunner.yaml, ECS's JSON, and Elastic Beanstalk's .ebextensions and Dockerrun.aws.json",
            next="name such a file, or answer the questions of hermes-cfn init",
        ),
        exit_code=ExitCode.USAGE,
    )


def _fits(path: Path, fits: Callable[[Any], bool]) -> bool:
    try:
        return fits(files.as_json(path, files.text(path)))
    except HermesError:
        return False


def _folder(folder: Path) -> Reading:
    """The first of what is there that can be read; the others are said."""
    found: list[Reading] = []
    refused: list[HermesError] = []
    for reader in _candidates(folder):
        try:
            found.append(reader())
        except HermesError as error:
            refused.append(error)
    if not found:
        if refused:
            raise refused[0]
        raise _unknown(folder)
    first, *others = found
    also = tuple(
        Left(", ".join(one.files), f"{first.tool} is read, and this is of {one.tool}", "--from with this file, instead")
        for one in others
    )
    also += tuple(Left(one.findings[0].where, one.findings[0].what, str(one.findings[0].next)) for one in refused)
    return replace(first, left=(*first.left, *also))


def _candidates(folder: Path) -> Iterator[Callable[[], Reading]]:
    """A reader for each file that is there by its name, the likeliest first."""

    def there(names: tuple[str, ...]) -> Iterator[Path]:
        return (folder / name for name in names if (folder / name).is_file())

    deploy = folder.name == "config" and ("deploy.yml", "deploy.yaml")
    for path in there((*kamal.NAMES, *(deploy or ()))):
        yield lambda path=path: _file(path)  # type: ignore[misc]
    for path in there(fly.NAMES):
        yield lambda path=path: _file(path)  # type: ignore[misc]
    manifests = sorted((*folder.glob("copilot/*/manifest.y*ml"), *folder.glob("*/manifest.y*ml")))
    for path in [*there(("manifest.yml", "manifest.yaml")), *manifests]:
        if "environments" not in path.parts:
            yield lambda path=path: _file(path)  # type: ignore[misc]
    for path in there((*ecs.NAMES, *(one.name for one in sorted(folder.glob("*task*def*.json"))))):
        yield lambda path=path: _file(path)  # type: ignore[misc]
    for path in there(apprunner.NAMES):
        yield lambda path=path: _file(path)  # type: ignore[misc]
    run_file = folder / beanstalk.RUN_FILE
    configs = sorted(folder.glob(f"{beanstalk.FOLDER}/*.config"))
    if run_file.is_file() or configs:
        yield lambda: beanstalk.read(run_file if run_file.is_file() else None, configs, folder)
    procfile, manifest = folder / "Procfile", folder / "app.json"
    told = manifest if manifest.is_file() and _fits(manifest, heroku.fits) else None
    if procfile.is_file() or told:
        yield lambda: heroku.read(procfile if procfile.is_file() else None, told)
    for path in there(compose.NAMES):
        yield lambda path=path: _file(path)  # type: ignore[misc]
