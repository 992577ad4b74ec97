"""Short ways to a bill in tests."""

from decimal import Decimal as D

from hermes_cfn import bill
from hermes_cfn.cfn.template import Template
from hermes_cfn.config.usage import DRIVERS, Usage
from hermes_cfn.pricing import books


def usage(**given):
    """Only what is given; nothing else."""
    return Usage.model_validate({**dict.fromkeys(DRIVERS), **given})


def of(resources, region="us-east-1", given=None, book="snapshot", parameters=None, **sections):
    """The bill of a template made of ``resources``."""
    template = Template.parse({"Resources": resources, **sections})
    return bill.compute_template(template, region, books.load(region, book), given or usage(), parameters or {})


def line(made, what, logical_id=None):
    """The one line whose text begins with ``what``."""
    (found,) = [one for one in made.lines if one.what.startswith(what) and logical_id in (None, one.logical_id)]
    return found


def resource(kind, **properties):
    return {"Type": kind, "Properties": properties}


def cents(amount):
    return amount.quantize(D("0.01"), rounding="ROUND_HALF_UP")
