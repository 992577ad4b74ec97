"""A charge: a price, named, and a quantity over usage drivers.  Rules make them, evaluators price them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hermes_cfn.bill.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Charge:
    """What one resource adds to the bill.

    ``usage_type`` is without the region's prefix, ``operation`` None where one product at
    most has that usage type.  ``allowance`` names what AWS gives every account for nothing.
    """

    what: str
    service_code: str
    usage_type: str
    quantity: Quantity
    unit: str
    operation: str | None = None
    allowance: str = ""
    region: str = ""
    stack: str = ""
    logical_id: str = ""
    resource_type: str = ""

    def of(self, stack: str, logical_id: str, resource_type: str, region: str) -> Charge:
        """The same charge on a resource; a region that the rule has set stays."""
        return replace(
            self, stack=stack, logical_id=logical_id, resource_type=resource_type, region=self.region or region
        )

    @property
    def order(self) -> tuple[str, ...]:
        """Where it stands in the bill, whatever the order of resources was."""
        return (
            self.service_code,
            self.region,
            self.usage_type,
            self.operation or "",
            self.stack,
            self.logical_id,
            self.what,
        )


@dataclass(frozen=True, slots=True)
class Free:
    """A resource, or a part of its use, that AWS does not charge for, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class NotPriced:
    """A resource, or a part of it, that the bill has no price for, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class NotGiven:
    """A part of a resource that costs by a use which no figure of ``[usage]`` says."""

    what: str
    why: str


Item = Charge | Free | NotPriced | NotGiven
