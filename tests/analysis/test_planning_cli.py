import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from analysis import cli


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments, toml=""):
        (tmp_path / "hermes.toml").write_text(toml)
        monkeypatch.setattr(sys, "argv", ["analysis", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return invoke


def test_what_will_i_pay_fits_one_screen(run):
    code, out, _ = run("options")
    assert code == 0
    assert out.startswith("You will pay $")
    assert len(out.splitlines()) < 45
    rows = out.splitlines()
    assert rows[next(n for n, line in enumerate(rows) if line.startswith("----")) + 1].startswith("stay")
    assert "% published" in out and "pricing:GetProducts" in out
    assert "another month" not in out
    busy = run("options", toml="[planning]\npeak_requests_per_s = 20\n")[1]
    assert "28,689,000 requests against 3,000,000" in busy
    assert "of the processors" not in busy
    assert "of the processors against 10" in run("options", toml="[planning]\npeak_requests_per_s = 90\n")[1]


def test_is_madrid_worth_it(run):
    assert run("latency")[1].startswith("eu-south-2 costs $")
    code, out, _ = run("latency", "--database", "frankfurt")
    assert code == 0
    assert out.startswith("No: eu-south-2")
    assert "eu-south-2 wins up to " in " ".join(out.split())


def test_is_t4g_micro_enough(run):
    assert run("sizing", "t4g.micro")[1].startswith("Yes: 2 x t4g.micro")
    heavy = run("sizing", "t4g.micro", toml="[planning]\npeak_requests_per_s = 400\n")[1]
    assert heavy.startswith("No: 2 x t4g.micro do not carry 400")


@pytest.mark.parametrize("arguments", [("options",), ("latency",), ("sizing",), ("audit",), ("latency", "--places")])
def test_json_is_json(run, arguments):
    code, out, _ = run(*arguments, "--format", "json")
    assert code == 0
    assert json.loads(out)


def test_the_audit_is_a_list_with_one_object_a_claim(run):
    found = json.loads(run("audit", "--format", "json")[1])
    assert isinstance(found, list) and len(found) >= 40
    assert {"id", "claim", "figure", "difference", "verdict", "reason", "source"} <= set(found[0])


def test_json_carries_what_the_tables_derive(run, monkeypatch):
    rows = {row["key"]: row for row in json.loads(run("options", "--format", "json")[1])}
    assert float(rows["reserved-upfront"]["first_month"]) > 2 * float(rows["reserved-upfront"]["expected"])
    monkeypatch.setattr("analysis.options.frontier.Lattice.__init__.__defaults__", (None, ("t4g.micro",), (1, 2)))
    told = json.loads(run("frontier", "--p99", "1000", "--format", "json")[1])
    assert told["answer"]["deployable"] and "[compute]" in told["answer"]["toml"] and told["feasible"] > 0


def test_one_option_in_full_shows_its_lines(run):
    code, out, _ = run("options", "--show", "nat-instance")
    assert code == 0
    assert 'egress = "nat-instance"' in out
    code, _, err = run("options", "--show", "nonsense")
    assert code == 2 and "nat-instance" in err


@pytest.mark.parametrize(
    ("arguments", "toml", "word"),
    [
        (("latency", "--database", "Sevila"), "", "seville"),
        (("options",), "[planning]\npeak_requests_per_s = -5\n", "planning"),
        (("sizing", "t4g.micro", "--count", "0"), "", "at least one"),
        (("sizing", "t4g.huge"), "", "t4g.micro"),
        (("--probe", "missing.json", "latency"), "", "missing.json"),
        (("--file", "nowhere.toml", "options"), "", "nowhere.toml"),
        (("probe", "nonsense"), "", "URL"),
        (("nonsense",), "", "nonsense"),
        (("frontier", "--availability", "2"), "", "availability"),
        (("frontier", "--budget", "-5"), "", "budget"),
        (("latency", "--plot", "b.txt"), "", ".svg"),
        (("latency", "--plot", "nowhere/b.svg"), "", "nowhere"),
        (("sizing",), "[planning]\nservice_scv = inf\n", "variation"),
        (("options",), '[planning]\ncurrent_place = "Barcelna"\n', "barcelona"),
        (("probe", "http://127.0.0.1:9/", "--from", "Madird", "--to", "madrid", "--save", "p.json"), "", "madrid"),
        (("options",), '[planning.users]\n"nowheretown" = 1\n', "nowheretown"),
    ],
)
def test_bad_input_is_a_clear_error_without_a_trace(run, arguments, toml, word):
    code, out, err = run(*arguments, toml=toml)
    assert code not in (0, None)
    assert word in err
    assert "Traceback" not in err + out


def test_a_fault_of_our_own_is_told_without_a_trace_unless_asked(run, monkeypatch):
    monkeypatch.setattr("analysis.audit.audit", lambda: 1 / 0)
    code, out, err = run("audit")
    assert code == 1 and "internal: ZeroDivisionError" in err and "--debug" in err and "Traceback" not in err + out
    with pytest.raises(ZeroDivisionError):
        run("--debug", "audit")


def test_a_plot_is_written(run, tmp_path):
    assert run("latency", "--plot", "b.svg")[0] == 0
    assert (tmp_path / "b.svg").stat().st_size > 1000


def test_help_imports_no_numpy():
    code = "import sys; from analysis.cli import cli; assert 'numpy' not in sys.modules and 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_names_the_three_questions():
    told = CliRunner().invoke(cli.cli, ["--help"]).output
    for question in ("what will I pay", "is Madrid worth it", "is t4g.micro enough"):
        assert question in told


def test_report_writes_one_file(run, tmp_path, monkeypatch):
    from analysis import report

    monkeypatch.setattr(report, "render", lambda *given, told: told("a step") or "<html></html>")
    code, out, err = run("report", "-o", "x.html")
    assert code == 0 and "x.html" in out and "a step" in err
    assert (tmp_path / "x.html").read_text() == "<html></html>"
