"""The bill: rules make charges of resources, evaluators price them, everything else reads lines.

``bill.compute(deployment, book)`` and ``bill.compute_template(template, region, book)`` give
a :class:`Bill`; ``bill.difference(before, after)`` what a change costs.
"""

from hermes_cfn.bill.compute import compute, compute_template, compute_templates
from hermes_cfn.bill.lines import Bill, BillLine, Coverage, Difference, LineChange, State, difference

__all__ = [
    "Bill",
    "BillLine",
    "Coverage",
    "Difference",
    "LineChange",
    "State",
    "compute",
    "compute_template",
    "compute_templates",
    "difference",
]
