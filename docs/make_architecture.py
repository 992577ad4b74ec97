"""``docs/architecture.md``: the map of the packages, drawn from the imports.

``python docs/make.py`` writes it with all other generated pages.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
INSIDE = ("flows.base", "flows.fleet", "flows.stacks")
"""Packages that are shown beside those of the top level."""

HEAD = """# Architecture

*Made by `python docs/make.py` from the imports; do not edit by hand.*

## The map

Each row imports only from rows below it, or beside it where the last column says so; `import-linter` holds the order
(`[tool.importlinter]` in `pyproject.toml`, checked by `make test`). What is imported inside functions counts too.

| package | what it is for | imports |
|---|---|---|
"""

TAIL = """
## The walk of one setting

`application.stop_timeout_s`, the seconds that a container has to end before it is killed:

1. `hermes.toml` says it; `hermes_cfn/config/application.py` reads and bounds it (1 to 120), `config/meanings.py` has its words.
2. `hermes_cfn/instance/documents.py` hands it to the shell as `HERMES_STOP_TIMEOUT`, together with the scripts in `instance/scripts/`.
3. `hermes_cfn/stacks/service.py` puts these documents, and `stacks/fleet.py` the user data that boots with them, into the service stack.
4. `hermes_cfn/stacks/build.py` makes the Deployment of all stacks; `templates.py` writes it for reviewers.
5. `hermes_cfn/plan/stacks.py` compares it with what is deployed; `plan/timing.py` counts it into the interruption.
6. `hermes_cfn/flows/stacks/deployer.py` sends the change set through `aws/cloudformation.py`.
7. `hermes_cfn/flows/fleet/rollout.py` drives `deciders/rollout.py`, which sends the *deploy* document to one instance after the other.
8. On the instance `instance/scripts/library.sh` calls `docker stop --time "$HERMES_STOP_TIMEOUT"`.

## Where data goes back

The walk goes one way, but for two things. The bill's estimate is a parameter of the budget in the stack `worldwide`, so the bill of a
Deployment flows into that Deployment's deployment (`flows/stacks/plan_inputs.py`). `templates/` is a leaf for reviewers: only
`plan --against` and `cost --template` read templates back. A rollout keeps nothing that safety needs: what it remembers (since when
nothing has changed, how many instances it has replaced) only makes it more patient or more careful, so it can be killed anywhere.

## Ten wishes and the files they touch

| wish | files |
|---|---|
| a header for health checks | `config/application.py`, `config/meanings.py`, `instance/documents.py`, `instance/scripts/library.sh`, `flows/fleet/verify.py`, `checks/application.py`; the load balancer has none to set |
| a process without a load balancer | not yet: `deciders/observed.py` calls an instance well by its target's health alone |
| the price of another service | `bill/types.csv` and `bill/properties.csv`, a function in `bill/rules/`, a row of the price book in `hermes_cfn/pricing/`, `pricing/wanted.py`, and for usage `config/usage.py` |
| another alarm | `stacks/watch.py`; with a threshold `config/watch.py` and `config/meanings.py` |
| another verb | a row in `cli/__init__.py`, a file in `cli/`, one in `flows/`, a row in `permissions.py` |
| another fault to rehearse | `local/fault_kinds.py`, `rehearse/faults.py` |
| ECS instead of EC2 | a rewrite; not offered (use CDK or Copilot's successors) |
| a second service behind the load balancer | not yet: `names.py` knows one application |
| another region's price | one row of the price book in `hermes_cfn/pricing/` |
| another AWS service in the embedded cloud | `local/services/`, `local/providers/`, `local/cloud.py`, `local/wire.py`, a row of the conformance table |
"""


def page() -> str:
    return HEAD + "".join(_rows()) + TAIL


def _rows() -> Iterator[str]:
    graph = grimp.build_graph("hermes_cfn", "analysis", cache_dir=None)
    names = [name for floor in _floors() for name in floor]
    shown = [f"hermes_cfn.{name}" for name in names]
    shown[shown.index("hermes_cfn.flows") : shown.index("hermes_cfn.flows") + 1] = [
        "hermes_cfn.flows", *(f"hermes_cfn.{inner}" for inner in reversed(INSIDE))
    ]  # fmt: skip
    shown += ["hermes_cfn.local", "analysis"]
    for package in shown:
        targets = {
            _home(target, shown)
            for module in graph.modules
            if module.startswith(("hermes_cfn", "analysis"))
            if _home(module, shown) == package
            for target in graph.find_modules_directly_imported_by(module)
        }
        reached = sorted(name.removeprefix("hermes_cfn.") for name in targets - {package, ""})
        yield f"| `{package}` | {_purpose(package)} | {', '.join(f'`{name}`' for name in reached) or 'nothing'} |\n"


def _home(module: str, shown: list[str]) -> str:
    """The longest shown package that a module belongs to; empty where there is none."""
    return max((name for name in shown if module == name or module.startswith(f"{name}.")), key=len, default="")


def _floors() -> list[list[str]]:
    """The packages of each floor, from the top, as the import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (floors,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["hermes_cfn"]]
    return [[name.strip(" ()") for part in floor.split("|") for name in part.split(":")] for floor in floors]


def _purpose(package: str) -> str:
    """The first sentence of the package's docstring."""
    path = ROOT.joinpath(*package.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").replace("|", "/")
