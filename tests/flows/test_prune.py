"""Which images go: never one in use, never one that another environment has released."""

from hermes_cfn.aws.ecr import Image
from hermes_cfn.flows.fleet.prune import idle


def image(digest, *tags):
    return Image("hermes", "uri", digest, tags)


IMAGES = [
    image("d6", "f", "released-production-f"),
    image("d5", "e"),
    image("d4", "d", "released-production-d"),
    image("d3", "c", "released-production-c", "released-staging-c"),
    image("d2", "b", "released-production-b"),
    image("d1", "a", "released-production-a"),
]


def pruned(keep=2, in_use=(), recent="fdcba"):
    return idle(IMAGES, "released-production-", list(recent), set(in_use), keep)


def test_beyond_the_kept_ones_an_image_goes_with_all_its_tags():
    assert pruned() == ["released-production-c", "b", "released-production-b", "a", "released-production-a"]


def test_what_is_in_use_stays_however_old():
    assert pruned(in_use=["d1", "d2"]) == ["released-production-c"]


def test_another_environments_image_only_loses_this_environments_mark():
    assert "c" not in pruned() and "released-staging-c" not in pruned()


def test_what_was_never_released_is_left_to_the_registrys_rules():
    assert "e" not in pruned(keep=0)
    assert pruned(keep=10) == []


def test_what_was_released_last_counts_not_what_was_pushed_last():
    gone = pruned(keep=2, recent="abcdf")
    assert {"f", "d"} <= set(gone) and not {"a", "b"} & set(gone)
