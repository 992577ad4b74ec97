"""From a resource to what it costs: one function a type, found in :data:`RULES`.

A rule gets the resource and its surroundings and gives charges, or says that something is
free or has no price.  What a type without a rule is, ``types.csv`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hermes_cfn.bill.charge import Item
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.rules import (
    balancing,
    capacity,
    conditional,
    data,
    disks,
    ec2,
    edge,
    hourly,
    keys,
    network,
    serverless,
    storage,
    watching,
)
from hermes_cfn.bill.surroundings import Surroundings

Rule = Callable[[Placed, Surroundings], Iterable[Item]]

RULES: dict[str, Rule] = {
    **ec2.RULES,
    **disks.RULES,
    **network.RULES,
    **balancing.RULES,
    **storage.RULES,
    **data.RULES,
    **edge.RULES,
    **watching.RULES,
    **keys.RULES,
    **serverless.RULES,
    **conditional.RULES,
    **hourly.RULES,
    **capacity.RULES,
}
