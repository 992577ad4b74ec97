"""``extras add``: every kind is written, priced before, rendered and clean; what would not hold is refused."""

import pytest

from hermes_cfn import stacks
from hermes_cfn.cli import main
from hermes_cfn.cli.extras import KINDS
from hermes_cfn.config import load
from hermes_cfn.lint import lint_templates
from hermes_cfn.names import extra_key

IRELAND = '[account]\nregion = "eu-west-1"\n[network]\nzones = ["eu-west-1a", "eu-west-1b"]\n'


@pytest.fixture
def typed(tmp_path, capsys):
    """What a verb prints, and its exit code."""

    def type_(*words):
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(tmp_path / "hermes.toml"), *words])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return type_


def test_every_kind_is_priced_written_and_clean(tmp_path, typed):
    (tmp_path / "hermes.toml").write_text(IRELAND)
    for kind, name in KINDS.items():
        code, printed = typed("extras", "add", kind)
        assert code == 0, printed
        assert f"{name}: " in printed and "a month in eu-west-1" in printed.splitlines()[0]
        assert printed.index("a month in") < printed.index("template.yaml")
    deployment = stacks.build(load(tmp_path / "hermes.toml"))
    own = [deployment.stack(extra_key(name)) for name in KINDS.values()]
    assert not lint_templates([(spec.template, spec.region, spec.key) for spec in own])
    for spec in own:
        assert spec.template["Outputs"], spec.key
        assert "SecretString" not in str(spec.template) or "{{resolve:secretsmanager:" in str(spec.template), spec.key
    rules = deployment.stack("service").template["Resources"]["AppSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    assert {(rule["FromPort"], rule["CidrIp"]) for rule in rules} >= {(6379, "10.0.0.0/16")}


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        ("", "mail", "extra-not-offered"),
        ("", "bucket --name network", "extra-name-taken"),
        ("", "bucket --name Uploads", "extra-invalid"),
        ('[application]\nname = "a-very-long-name-x"\n', "search", "extra-invalid"),
    ],
)
def test_what_would_not_hold_is_refused_and_nothing_is_written(tmp_path, typed, text, words, code):
    (tmp_path / "hermes.toml").write_text(text)
    ended, printed = typed("extras", "add", *words.split())
    assert ended != 0 and code in printed
    assert not (tmp_path / "extras").exists()


def test_one_that_is_there_is_not_overwritten(tmp_path, typed):
    (tmp_path / "hermes.toml").write_text("")
    assert typed("extras", "add", "queue")[0] == 0
    before = (tmp_path / "extras/work.template.yaml").read_text()
    assert "extra-name-taken" in typed("extras", "add", "queue")[1]
    assert (tmp_path / "extras/work.template.yaml").read_text() == before


def test_what_the_file_names_already_can_be_added(tmp_path, typed):
    (tmp_path / "hermes.toml").write_text(
        IRELAND + '[env]\nBUCKET = { output = "uploads.BucketName" }\n[access]\nread_write = ["extras.uploads"]\n'
    )
    code, printed = typed("render")
    assert code == 2 and "--name uploads" in printed
    code, printed = typed("extras", "add", "bucket", "--name", "uploads")
    assert code == 0, printed
    assert typed("render")[0] == 0
