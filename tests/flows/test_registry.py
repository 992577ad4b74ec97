"""Where an environment looks for images: in its own repository first, and by digest in those of all others of the file."""

import re
from types import SimpleNamespace as Some

import pytest

from hermes_cfn import stacks
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.ecr import Image
from hermes_cfn.config import parse
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.flows.fleet import prune, registry, rehearsed
from hermes_cfn.instance import documents
from hermes_cfn.instance.release import Release, images
from hermes_cfn.names import Names, repositories

FILE = "[account]\nid = '123456789012'\n[environments.staging]\n[environments.preview]\n"
HOST = "123456789012.dkr.ecr.eu-south-2.amazonaws.com"
DIGEST = {name: f"sha256:{number:064x}" for number, name in enumerate(("one", "two"))}


class Registry:
    """ECR with images by (repository, tag); ``denied`` repositories may not be asked for."""

    def __init__(self, there, denied=()):
        self.there, self.denied, self.tagged = there, denied, []

    def _may(self, repository):
        if repository in self.denied:
            raise AwsError(Finding("permission-denied", repository, "no"), "AccessDeniedException", "no")

    def uri(self, repository):
        self._may(repository)
        return f"{HOST}/{repository}"

    def images(self, repository):
        self._may(repository)
        return [
            Image(one, f"{HOST}/{one}", DIGEST[name], (tag,)) for (one, tag), name in self.there.items() if one == repository
        ]  # fmt: skip

    def image(self, repository, reference):
        return next((i for i in self.images(repository) if reference in (i.digest, *i.tags)), None)

    def tag(self, repository, digest, tag):
        self.tagged.append((repository, digest, tag))


def context(environment, there, denied=(), text=FILE):
    settings = parse(text, environment)
    return Some(settings=settings, names=Names.of(settings), clients=Some(ecr=Registry(there, denied)), now=None)


def test_each_environment_has_a_repository_and_the_files_own_keeps_the_applications_name():
    found = [repositories(parse(FILE, name)) for name in ("production", "staging", "preview")]
    assert [one[0] for one in found] == ["hermes", "hermes/staging", "hermes/preview"]
    assert {frozenset(one) for one in found} == {frozenset(("hermes", "hermes/staging", "hermes/preview"))}
    assert repositories(parse("")) == ("hermes",)
    foundation = stacks.build(parse(FILE, "staging")).stack("foundation").template["Resources"]
    made = {r["Properties"]["RepositoryName"] for r in foundation.values() if r["Type"] == "AWS::ECR::Repository"}
    assert made == set(found[0])


@pytest.mark.parametrize("environment", ["production", "staging", "preview"])
def test_every_environment_that_the_file_makes_knows_the_same(environment):
    """Settings of a sibling, and of a sibling's sibling, name the same repositories and delete as little."""
    for one in parse(FILE, environment).family:
        assert set(repositories(one)) == {"hermes", "hermes/staging", "hermes/preview"} and not one.alone
        for again in one.family:
            assert Names.of(again).repository == Names.of(parse(FILE, again.environment.name)).repository
            assert not again.alone


def test_a_tag_is_the_word_of_its_own_repository_and_of_no_less_guarded_one():
    there = {("hermes/staging", "v2"): "two", ("hermes", "v1"): "one"}
    assert registry.find(context("production", there), "v2") is None, "staging's word is not production's"
    assert registry.find(context("preview", there), "v2") is None
    assert registry.find(context("staging", there), "v2").digest == DIGEST["two"]
    assert registry.find(context("staging", there), "v1").repository == "hermes"
    both = {("hermes/staging", "v1"): "two", ("hermes", "v1"): "one"}
    assert registry.find(context("staging", both), "v1").digest == DIGEST["two"]


def test_a_digest_is_found_wherever_it_was_pushed():
    there = {("hermes/preview", "v2"): "two"}
    assert registry.find(context("production", there), DIGEST["two"]).repository == "hermes/preview"
    assert registry.find(context("production", there), DIGEST["one"]) is None


def test_a_foundation_without_the_repository_still_finds_what_was_pushed_before():
    there = {("hermes", "v1"): "one"}
    found = registry.find(context("staging", there, denied=("hermes/staging",)), "v1")
    assert found.digest == DIGEST["one"]
    assert [i.digest for i in registry.images(context("staging", there, denied=("hermes/staging",)))] == [DIGEST["one"]]
    with pytest.raises(AwsError):
        registry.find(context("production", there, denied=("hermes",)), "v1")


@pytest.mark.parametrize(
    ("environment", "tag", "tagged", "stays"),
    [
        ("staging", "build-7", True, True),
        ("production", "v2", False, True),
        ("production", "build-7", False, False),
        ("production", "released-staging-v2", False, True),
    ],
)
def test_what_is_promoted_is_marked_by_none_but_the_environment_that_pushed_it(environment, tag, tagged, stays):
    here = context(environment, {("hermes/staging", tag): "two"})
    release = Release("v2-2", f"{HOST}/hermes/staging@{DIGEST['two']}", "v2")
    assert prune.mark(here, release) is stays
    assert bool(here.clients.ecr.tagged) is tagged


@pytest.mark.parametrize(
    ("name", "well"),
    [("hermes", True), ("hermes/staging", True), ("hermes/other", False), ("shop", False), ("hermes/staging/x", False)],
)
def test_the_deployer_runs_images_of_the_files_environments_alone(name, well):
    image = f"{HOST}/{name}@{DIGEST['one']}"
    for environment in ("production", "staging"):
        assert bool(re.fullmatch(images(parse(FILE, environment)), image)) is well
    assert bool(re.fullmatch(images(parse("[account]\nid = '123456789012'\n")), image)) is (name == "hermes")


def test_an_instance_runs_images_below_the_applications_name_where_there_are_several_environments():
    """Which of them, its role says; one more environment leaves the instances of the others as they are."""

    def taken(settings, name):
        script = "\n".join(documents.document("deploy", settings)["mainSteps"][0]["inputs"]["runCommand"])
        line = next(line for line in script.splitlines() if "dkr" in line and "=~" in line)
        pattern = line.partition("=~ ")[2].partition(" ]]")[0]
        pattern = pattern.replace("$HERMES_REGION", "eu-south-2").replace("$HERMES_APP", "hermes")
        return bool(re.search(pattern, f"{HOST}/{name}@{DIGEST['one']}"))

    several, alone = parse(FILE), parse("")
    assert [taken(several, name) for name in ("hermes", "hermes/staging", "hermesx", "hermes/a/b", "shop/staging")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert [taken(alone, name) for name in ("hermes", "hermes/staging")] == [True, False]
    more = parse(FILE + "[environments.eu]\n")
    assert documents.user_data(more) == documents.user_data(several)


def test_a_certificate_is_asked_of_the_repository_in_which_the_image_lies(tmp_path):
    """A release that was promoted by digest may lie in another environment's repository."""
    asked = []
    there = context("production", {})
    there.clients.ecr.digests = lambda repository, digest: asked.append((repository, digest)) or (digest,)
    release = Some(image=f"{HOST}/hermes/staging@{DIGEST['one']}", tag="v1")
    with pytest.raises(HermesError) as caught:
        rehearsed.demand(there, release, rehearsed.Required(tmp_path))
    assert caught.value.findings[0].code == "rehearsal-missing"
    assert asked == [("hermes/staging", DIGEST["one"])]
