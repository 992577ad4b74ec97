"""``cost --template`` of files and folders, and ``cost diff A B``, as a person types them."""

import json
import os
import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn.cli import hermes
from hermes_cfn.errors import ExitCode, HermesError

ROOT = Path(__file__).parents[2]
ADDRESS = "  {name}: {{Type: AWS::EC2::EIP}}\n"
DISK = "  {name}: {{Type: AWS::EC2::Volume, Properties: {{VolumeType: gp3, Size: {size}, AvailabilityZone: us-east-1a}}}}\n"


def template(*resources, head=""):
    return head + "Resources:\n" + "".join(resources)


def address(name="Address"):
    return ADDRESS.format(name=name)


def disk(size, name="Disk"):
    return DISK.format(name=name, size=size)


def typed(*words):
    return CliRunner().invoke(hermes, ["cost", *map(str, words)], standalone_mode=False)


def read(*words):
    ended = typed(*words, "--format", "json")
    if ended.exception:
        raise ended.exception
    return json.loads(ended.stdout)


@pytest.fixture
def app(tmp_path):
    """A folder of two templates in a folder of its own, with files that are none, and one template beside it."""
    (tmp_path / "app/data").mkdir(parents=True)
    (tmp_path / "app/net.yaml").write_text(template(address()))
    (tmp_path / "app/data/disk.json").write_text(
        json.dumps(
            {"Resources": {"Disk": {"Type": "AWS::EC2::Volume", "Properties": {"VolumeType": "gp3", "Size": 100}}}}
        )
    )
    (tmp_path / "app/parameters.json").write_text('[{"ParameterKey": "a"}]')
    (tmp_path / "app/README.yaml").write_text("# nothing\n")
    (tmp_path / "more.yaml").write_text(template(address("Other")))
    return tmp_path


def test_a_folder_and_a_file_are_one_bill_and_each_line_says_where_it_is_from(app):
    made = read("--template", app / "app", "--template", app / "more.yaml")
    assert D(made["total"]) == 2 * D("3.65") + 8
    assert {line["stack"] for line in made["lines"]} == {"net", "data/disk", "more"}


def test_two_files_of_one_name_are_two(app):
    (app / "two").mkdir()
    (app / "two/more.yaml").write_text(template(disk(10)))
    made = read("--template", app / "more.yaml", "--template", app / "two/more.yaml")
    assert D(made["total"]) == D("3.65") + D("0.8")
    assert len({line["stack"] for line in made["lines"]}) == 2


def test_an_allowance_counts_once_for_all_templates(app):
    alarms = "".join(
        f"  A{n}: {{Type: AWS::CloudWatch::Alarm, Properties: {{MetricName: x{n}, Period: 60}}}}\n" for n in range(8)
    )
    for name in ("a.yaml", "b.yaml"):
        (app / name).write_text(template(alarms))
    assert D(read("--template", app / "a.yaml")["total"]) == 0
    assert D(read("--template", app / "a.yaml", "--template", app / "b.yaml")["total"]) == D("0.6")


def test_the_order_of_the_templates_does_not_matter(app):
    one = read("--template", app / "app", "--template", app / "more.yaml")
    other = read("--template", app / "more.yaml", "--template", app / "app")
    assert sorted(map(str, one["lines"])) == sorted(map(str, other["lines"]))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda place: place / "nothing.yaml", "file-unreadable"),
        (lambda place: place / "empty", "template-missing"),
        (lambda place: place / "app/README.yaml", "template-invalid"),
        (lambda place: place / "bytes.yaml", "file-unreadable"),
        (lambda place: place / "large.yaml", "file-unreadable"),
    ],
)
def test_what_is_no_template_is_one_finding_and_no_bill(app, make, code):
    (app / "empty").mkdir()
    (app / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (app / "large.yaml").write_text("Resources:\n" + " " * 1_100_000)
    ended = typed("--template", app / "more.yaml", "--template", make(app))
    assert isinstance(ended.exception, HermesError)
    assert [finding.code for finding in ended.exception.findings] == [code]
    assert ended.stdout == ""


def test_a_difference_is_line_by_line_the_dearest_first(app):
    (app / "old.yaml").write_text(template(address(), disk(100), disk(10, "Gone")))
    (app / "new.yaml").write_text(template(address(), disk(200), address("Another")))
    made = read("diff", app / "old.yaml", app / "new.yaml")
    assert [(one["logical_id"], D(one["monthly"])) for one in made["changes"] if one["what"] != "snapshots"] == [
        ("Disk", D(8)),
        ("Another", D("3.65")),
        ("Gone", D("-0.8")),
    ]
    assert D(made["after"]) - D(made["before"]) == D(made["monthly"]) == D("10.85")


def test_a_difference_and_its_reverse_sum_to_nothing(app):
    (app / "new.yaml").write_text(template(disk(200), address("Another")))
    forth = read("diff", app / "more.yaml", app / "new.yaml")
    back = read("diff", app / "new.yaml", app / "more.yaml")
    assert D(forth["monthly"]) == -D(back["monthly"]) != 0
    assert {(one["logical_id"], one["what"]): D(one["monthly"]) for one in forth["changes"]} == {
        (one["logical_id"], one["what"]): -D(one["monthly"]) for one in back["changes"]
    }


def test_nothing_differs_from_itself(app):
    for path in (app / "app", app / "more.yaml"):
        made = read("diff", path, path)
        assert (made["changes"], made["unknown"], D(made["monthly"])) == ([], [], 0)


def test_a_folder_that_lost_a_file_differs_in_that_file_alone(app):
    """What is left of a folder keeps its name, so that nothing else seems to go and come."""
    (app / "less").mkdir()
    (app / "less/net.yaml").write_text((app / "app/net.yaml").read_text())
    made = read("diff", app / "app", app / "less")
    assert {(one["logical_id"], D(one["monthly"])) for one in made["changes"]} == {("Disk", D(-8))}


def test_what_comes_before_the_word_is_for_both(app):
    text = template("  I: {Type: AWS::EC2::Volume, Properties: {VolumeType: gp3, Size: !Ref S}}\n", head="Parameters: {S: {Type: Number, Default: 1}}\n")  # fmt: skip
    (app / "old.yaml").write_text(text)
    (app / "new.yaml").write_text(text + address())
    (app / "use.toml").write_text("ebs_snapshot_gb = 10\n")
    here = read("diff", app / "old.yaml", app / "new.yaml")
    there = read(
        "--region", "eu-west-1", "--parameter", "S=100", "--usage", app / "use.toml",
        "diff", app / "old.yaml", app / "new.yaml",
    )  # fmt: skip
    assert D(here["before"]) == D("0.08")
    assert D(there["before"]) == D("8.8") + D("0.5")
    assert D(there["monthly"]) == D("3.65")


def test_a_new_line_without_a_price_is_named(app):
    (app / "new.yaml").write_text(template(address("Other"), "  G: {Type: AWS::DAX::Cluster, Properties: {NodeType: dax.r5.large, ReplicationFactor: 3}}\n"))  # fmt: skip
    made = read("diff", app / "more.yaml", app / "new.yaml")
    assert [(one["logical_id"], one["state"]) for one in made["unknown"]] == [("G", "not priced")]


def test_what_depends_is_an_interval_in_the_difference(app):
    choice = "Parameters: {M: {Type: String, AllowedValues: ['10', '100']}}\n"
    (app / "new.yaml").write_text(
        template(
            address("Other"),
            "  D: {Type: AWS::EC2::Volume, Properties: {VolumeType: gp3, Size: !Ref M}}\n",
            head=choice,
        )
    )
    made = read("diff", app / "more.yaml", app / "new.yaml")
    assert (D(made["after"]), D(made["after_high"])) == (D("3.65") + D("0.8"), D("3.65") + 8)


def test_the_table_for_a_pull_request_is_one_markdown_table(app):
    (app / "new.yaml").write_text(template(disk(200), "  'Pipe': {Type: AWS::EC2::EIP}\n"))
    said = typed("diff", app / "more.yaml", app / "new.yaml", "--format", "markdown").stdout.splitlines()
    head = said.index(next(line for line in said if line.startswith("|")))
    assert said[0].startswith("**") and "$16.00" in said[0]
    columns = said[head].count("|")
    assert set(said[head + 1]) <= set("|-:")
    assert all(line.startswith("|") and line.replace("\\|", "").count("|") == columns for line in said[head:])
    assert {"+$16.00", "+$3.65", "-$3.65"} <= {line.split("|")[-2].strip() for line in said[head + 2 :]}


@pytest.mark.parametrize("words", [(), ("old.yaml",), ("old.yaml", "new.yaml", "more.yaml")])
def test_a_difference_is_of_two(app, words):
    assert typed("diff", *words).exit_code or typed("diff", *words).exception


def test_as_a_user_types_it(app):
    """The installed program, in a terminal of its own, from the folder with the templates."""
    (app / "new.yaml").write_text(template(disk(200), address("Other")))
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    for words, expected in (
        (["--template", "app", "--template", "more.yaml"], "$15.30"),
        (["--region", "us-east-1", "diff", "more.yaml", "new.yaml"], "+$16.00"),
        (["diff", "more.yaml", "new.yaml", "--format", "markdown"], "| Disk |"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "hermes_cfn", "cost", *words],
            cwd=app,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ended.returncode == ExitCode.OK, ended.stderr
        assert expected in ended.stdout
    lost = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "cost", "diff", "more.yaml", "lost.yaml"],
        cwd=app, env=env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert lost.returncode != 0
    assert "Traceback" not in lost.stderr
    assert "lost.yaml" in lost.stdout + lost.stderr
