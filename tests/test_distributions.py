"""Three things to install from one repository: what each holds, what it may import, and that they get along."""

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pathspec
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PLACES = {"hermes-cfn": ROOT, "hermes-cfn-cloud": ROOT / "hermes_cfn/local", "hermes-cfn-analysis": ROOT / "analysis"}
CLIENT = {f"hermes_cfn/local/{name}.py" for name in ("__init__", "control", "options", "owner")}
"""All that the product has of the embedded cloud."""

BROUGHT = {"botocore": "boto3", "jmespath": "boto3", "dateutil": "boto3", "werkzeug": "flask", "markupsafe": "jinja2"}
"""Packages that come with one that is declared, as those who make it say."""

BY_PYTEST = {"hermes_cloud/pytest_plugin.py": "pytest"}
"""Pytest alone imports its plugins, so it is there."""


@cache
def project(name: str) -> Mapping[str, object]:
    return tomllib.loads((PLACES[name] / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hermes_cfn/local/hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_folder(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


@cache
def contents(name: str) -> dict[str, str]:
    """What the wheel holds by its ``pyproject.toml``: path there, and text."""
    if name == "hermes-cfn-cloud":
        found = {target: hook().text(ROOT, source) for source, target in hook().files(ROOT)}
        return {**found, "hermes_cloud/shared/__init__.py": ""}
    build = project(name)["tool"]["hatch"]["build"]
    if name == "hermes-cfn":
        left_out = pathspec.GitIgnoreSpec.from_lines(build["exclude"])
        paths = {str(path.relative_to(ROOT)): path for path in in_folder(ROOT / "hermes_cfn")}
        return {path: file.read_text(encoding="utf-8") for path, file in paths.items() if not left_out.match_file(path)}
    wanted = pathspec.GitIgnoreSpec.from_lines(build["include"])
    prefix = build["targets"]["wheel"]["sources"][""]
    paths = {str(path.relative_to(PLACES[name])): path for path in in_folder(PLACES[name])}
    return {
        f"{prefix}/{path}": file.read_text(encoding="utf-8") for path, file in paths.items() if wanted.match_file(path)
    }


def modules(name: str) -> set[str]:
    """The modules and packages of a distribution, by their dotted names."""
    dotted = {path.removesuffix(".py").replace("/", ".") for path in contents(name) if path.endswith(".py")}
    return {each.removesuffix(".__init__") for each in dotted}


def named(path: str, tree: ast.Module, inside: set[str]) -> Iterator[str]:
    """Modules that a module imports, relative ones by their full names; of ``from a import b`` also ``a.b`` if it is one."""
    own = path.removesuffix(".py").split("/")
    package = own[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (full for alias in node.names if (full := f"{base}.{alias.name}") in inside)


def dependencies(name: str) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in project(name)["project"]["dependencies"]}


def needed(name: str) -> dict[str, str]:
    """What each import of another's package names, and the file that imports it first; imports for types alone count too."""
    own = {"hermes-cfn": "hermes_cfn", "hermes-cfn-cloud": "hermes_cloud", "hermes-cfn-analysis": "hermes_analysis"}[
        name
    ]
    found: dict[str, str] = {}
    for path, text in contents(name).items():
        if path.endswith(".py"):
            for module in named(path, ast.parse(text), modules(name)):
                if module.partition(".")[0] == own:
                    assert module in modules(name), f"{path} imports {module}, which is not in {name}"
                elif str(Path(path).with_name(f"{module}.py")) in contents(name) or BY_PYTEST.get(path) == module:
                    continue  # a script's own directory is in its path
                elif module.partition(".")[0] not in sys.stdlib_module_names:
                    found.setdefault(module, path)
    return found


def test_no_path_is_in_two_of_them() -> None:
    seen: dict[str, str] = {}
    for name in PLACES:
        for path in contents(name):
            assert path not in seen, f"{path} is in {name} and in {seen[path]}"
            seen[path] = name
    assert {path.partition("/")[0] for path in seen} == {"hermes_cfn", "hermes_cloud", "hermes_analysis"}


def test_the_product_holds_of_the_cloud_what_starts_and_asks_it_and_no_more() -> None:
    held = set(contents("hermes-cfn"))
    assert {path for path in held if path.startswith("hermes_cfn/local/")} == CLIENT
    emulator = {str(path.relative_to(ROOT)) for path in in_folder(ROOT / "hermes_cfn/local") if path.suffix == ".py"}
    assert len(emulator - CLIENT) > 100, "the emulator is elsewhere now"
    everything = {str(path.relative_to(ROOT)) for path in in_folder(ROOT / "hermes_cfn")}
    assert everything - held == {path for path in everything if path.startswith("hermes_cfn/local/")} - CLIENT


def test_the_cloud_holds_all_of_the_emulator_and_names_nothing_of_the_product() -> None:
    cloud = contents("hermes-cfn-cloud")
    source = {path.relative_to(ROOT / "hermes_cfn/local") for path in in_folder(ROOT / "hermes_cfn/local")}
    building = {Path(name) for name in hook().NOT_PACKAGED}
    assert {Path("hermes_cloud", path) for path in source - building} <= {Path(path) for path in cloud}
    left = [path for path, text in cloud.items() if path.endswith(".py") and re.search(r"\bhermes_cfn\b", text)]
    assert left == [], "these name a module that is not installed with it"


@pytest.mark.parametrize("name", PLACES)
def test_what_each_imports_is_in_it_or_in_what_it_depends_on(name: str) -> None:
    known = packages_distributions()
    declared = dependencies(name) | {
        canonicalize_name(Requirement(each).name)
        for extra, some in project(name)["project"].get("optional-dependencies", {}).items()
        if extra not in ("dev", "local", "analysis")
        for each in some
    }
    inside = {"hermes_cfn": modules("hermes-cfn")} if "hermes-cfn" in declared else {}
    for module, path in needed(name).items():
        top = module.partition(".")[0]
        if top in inside:
            assert module in inside[top], f"{path} imports {module}, which hermes-cfn does not hold"
            continue
        owners = {canonicalize_name(each) for each in known.get(top, ())} | {BROUGHT.get(top, "")}
        assert owners & declared, f"{path} imports {module}; {name} depends on none of {sorted(owners)}"


def test_versions_and_lists_of_dependencies_agree() -> None:
    versions = {name: project(name)["project"]["version"] for name in PLACES}
    assert len(set(versions.values())) == 1
    product = project("hermes-cfn")["project"]
    extras = product["optional-dependencies"]
    assert extras["local"] == [f"hermes-cfn-cloud=={product['version']}"]
    assert extras["analysis"] == [f"hermes-cfn-analysis=={product['version']}"]
    here = {*product["dependencies"], *extras["dev"], f"hermes-cfn=={product['version']}"}
    for name in PLACES:
        assert set(project(name)["project"]["dependencies"]) <= here, (
            f"dev lacks what {name} needs, or says another version"
        )
        licence = (PLACES[name] / "LICENSE").read_bytes()
        assert licence == (ROOT / "LICENSE").read_bytes()
