"""Keys that people write and that are not keys here: each is answered in one line."""

import pytest
from pydantic import BaseModel

from hermes_cfn.config import Settings, parse, wishes
from hermes_cfn.config.secrets import PLAIN_KEYS, suspicious
from hermes_cfn.errors import ConfigurationError

SECTIONS = {name for name in Settings.model_fields if name != "siblings"}
KEYS = {
    f"{section}.{key}"
    for section in SECTIONS
    if isinstance(getattr(Settings(), section), BaseModel)
    for key in type(getattr(Settings(), section)).model_fields
}


def the_finding(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    (finding,) = caught.value.findings
    return finding


def test_a_word_stands_in_one_wish():
    words = [word for wish in wishes.WISHES for word in wish.words]
    assert len(words) == len(set(words))
    assert all(word == word.lower().replace("-", "_") for word in words)


@pytest.mark.parametrize("wish", wishes.WISHES, ids=lambda wish: wish.words[0])
def test_what_is_to_be_written_instead_is_a_setting(wish):
    assert not wish.setting or wish.setting in SECTIONS | KEYS
    assert wish.setting in str(wish.instead) and "\n" not in str(wish.sentence)


def test_plurals_of_a_key_name_the_key_first():
    finding = the_finding('[certificate]\ndomains = ["a.example.com"]\n')
    assert finding.code == "configuration-unknown-key" and "'domain'" in str(finding.next)


UNKNOWN = [word for word in wishes.BY_WORD if word not in SECTIONS and not list(suspicious({word: 3}))]


@pytest.mark.parametrize("word", UNKNOWN)
@pytest.mark.parametrize("text", ["{} = 3\n", "[{}]\nx = 1\n", "[[{}]]\nx = 1\n"], ids=["key", "table", "tables"])
def test_a_wish_is_answered_in_one_line_wherever_it_is_written(word, text):
    finding = the_finding(text.format(word))
    assert finding.code in ("configuration-unknown-key", "configuration-not-offered")
    assert str(finding.next).endswith(str(wishes.BY_WORD[word].sentence))


@pytest.mark.parametrize("section", sorted(SECTIONS - {"env"}))
def test_what_is_not_offered_is_not_a_key_of_any_section(section):
    """Whoever offers one of these takes its row out of the table."""
    keys = {name.rpartition(".")[2] for name in KEYS if name.startswith(f"{section}.")}
    assert not {section, *keys} & {word for word, wish in wishes.BY_WORD.items() if not wish.setting}


LONG = [
    key
    for key in sorted(KEYS - {".".join(key) for key in PLAIN_KEYS})
    if len(key.partition(".")[2]) > 5 and not key.startswith(("planning.", "usage."))
]


@pytest.mark.parametrize("key", LONG)
def test_a_typo_of_a_key_is_not_taken_for_a_wish_without_a_remedy(key):
    section, _, name = key.partition(".")
    assert the_finding(f"[{section}]\n{name[:-1]} = 1\n").code == "configuration-unknown-key"


@pytest.mark.parametrize("word", ["Worker", "VPC-ID", "volume", "replica", "egress_port"])
def test_case_dashes_and_number_do_not_matter(word):
    assert wishes.of(word) is not None
