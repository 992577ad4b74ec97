"""A plan of many changes stays readable, and hides nothing that is dangerous."""

from __future__ import annotations

from dataclasses import replace

from deployments import as_there, built, planned

from hermes_cfn.plan import show
from hermes_cfn.pricing import books

BIG = "[watch]\nenabled = true\n[service]\nwaf = true\n[edge]\nassets = true\n[network]\nzones = ['eu-south-2a', 'eu-south-2b']\n"


def named(lines: list[str]) -> dict[str, str]:
    """Logical ID -> sign, of what is shown by itself."""
    return {line.split()[1]: line.split()[0] for line in lines if line.startswith("  ") and line[2] in "±-?~<+"}


def test_a_large_plan_is_folded_and_counts_all_and_a_small_one_is_not() -> None:
    plan = planned(built(BIG), {}, book=books.load("eu-south-2", "snapshot"))
    assert len(plan.changes) > show.FOLDS_ABOVE
    whole, folded = list(show.lines(plan)), list(show.lines(plan, fold=True))
    assert len(folded) < len(whole) * 0.7
    assert set(named(whole)) == {change.logical_id for change in plan.changes}
    counted = sum(
        int(line.split()[1]) if line.split()[2] == "×" else 1
        for line in folded
        if line.startswith("  ") and line[2] in "±-?~<+"
    )
    assert counted == len(plan.changes)
    small = planned(built("[compute]\ncount = 3"), as_there(built()))
    assert list(show.lines(small, fold=True)) == list(show.lines(small))


def test_what_is_replaced_or_removed_is_never_folded_and_stands_first() -> None:
    before = as_there(built("[watch]\nenabled = true\n[service]\nwaf = true\n[edge]\nassets = true\n"))
    plan = planned(built("[network]\ncidr = '10.9.0.0/16'\n" + BIG.partition("[network]")[0]), before)
    plan = replace(plan, stacks=tuple(replace(one, changes=one.changes * 3) for one in plan.stacks))
    folded = list(show.lines(plan, fold=True))
    alone = named(folded)
    dangerous = {change.logical_id: change.sign for change in plan.changes if change.sign in "±-?"}
    assert dangerous and dangerous.items() <= alone.items()
    for stack in plan.stacks:
        first = folded.index(
            f"{stack.name}: {stack.action}"
            if not stack.seconds
            else next(line for line in folded if line.startswith(f"{stack.name}: "))
        )
        signs = []
        for line in folded[first + 1 :]:
            if not line.startswith("  "):
                break
            if line[2] in "±-?~<+":
                signs.append(show.SIGNS.index(line[2]))
        # Data that goes stands before everything, with the sign of what happens to it.
        lost = sum(change.loses_data for change in stack.changes)
        assert signs[lost:] == sorted(signs[lost:])
