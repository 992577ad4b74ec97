import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from analysis import notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["cost", "latency", "sizing"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs_and_without_logic(path):
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            assert cell["execution_count"] is None
            assert "def " not in "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_the_readers_file(path, tmp_path, monkeypatch):
    toml = tmp_path / "hermes.toml"
    toml.write_text('[compute]\ncount = 3\n[planning]\ndatabase = "dublin"\n')
    monkeypatch.setenv("HERMES_TOML", str(toml))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    read = nbformat.read(path, as_version=4)
    NotebookClient(read, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    shown = [output for cell in read.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/svg+xml" in output.get("data", {}) for output in shown)
    assert not any(output.output_type == "error" for output in shown)
    text = "".join(output.get("data", {}).get("text/plain", "") for output in shown)
    assert "database = dublin" in text, "the reader's own file is what it starts from"


def test_the_table_of_options_can_be_sorted_by_its_numbers():
    known = notebook.settings(ROOT / "hermes.toml")
    rows = notebook.options(known, notebook.book(known))
    shown = notebook.table(rows)
    assert list(shown.index) == [row.key for row in rows]
    cheapest = min((row for row in rows if row.expected is not None), key=lambda row: row.expected)
    assert shown.sort_values("USD/month").index[0] == cheapest.key
    assert shown["USD/month"].isna().sum() == sum(row.expected is None for row in rows)
