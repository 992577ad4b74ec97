"""What is used in a month: the ``[usage]`` section.

Every figure is a number, a range ``[low, high]`` or a table that names a distribution.
Figures are for a month of 730 hours unless they say otherwise; GB is 10**9 bytes.  A
figure that is ``None`` was not given: what depends on it is shown with its unit price
and is not in any total.

The defaults describe the small deployment of the guide.  Its transfer (USD 5 to 10) and
its logs (USD 2 to 5) are inverted into gigabytes; everything else is an assumption to
replace with what you measure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from hermes_cfn.units import HOURS_PER_MONTH

Path = Literal["nat", "endpoint", "ipv6", "direct"]
"""How traffic leaves the subnet: NAT gateway, VPC endpoint, IPv6 (egress-only), or an address of its own."""

_NORMAL = NormalDist()


class Amount(BaseModel):
    """A figure that may be uncertain.

    ``fixed`` uses ``low``; ``uniform`` uses ``low`` and ``high``; ``triangular`` adds
    ``mode``; ``lognormal`` takes ``low`` and ``high`` as its P10 and P90.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: Literal["fixed", "uniform", "triangular", "lognormal"]
    low: Decimal = Field(ge=0)
    high: Decimal = Field(ge=0)
    mode: Decimal | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Amount:
        if self.high < self.low:
            raise ValueError(f"the range ends at {self.high} before it begins at {self.low}")
        if self.distribution == "triangular" and (self.mode is None or not self.low <= self.mode <= self.high):
            raise ValueError("a triangular distribution needs a mode between low and high")
        if self.distribution == "lognormal" and self.low <= 0:
            raise ValueError("the P10 of a lognormal distribution must be above zero")
        return self

    @property
    def certain(self) -> bool:
        return self.low == self.high

    @property
    def expected(self) -> Decimal:
        """The mean."""
        if self.certain:
            return self.low
        if self.distribution == "triangular" and self.mode is not None:
            return (self.low + self.mode + self.high) / 3
        if self.distribution == "lognormal":
            mu, sigma = self._lognormal()
            return Decimal(repr(math.exp(mu + sigma * sigma / 2)))
        return (self.low + self.high) / 2

    def quantile(self, share: float) -> float:
        """The value that ``share`` of the draws stay below, ``0 < share < 1``."""
        low, high = float(self.low), float(self.high)
        if self.certain:
            return low
        if self.distribution == "triangular" and self.mode is not None:
            mode = float(self.mode)
            turn = (mode - low) / (high - low)
            if share < turn:
                return low + math.sqrt(share * (high - low) * (mode - low))
            return high - math.sqrt((1 - share) * (high - low) * (high - mode))
        if self.distribution == "lognormal":
            mu, sigma = self._lognormal()
            return math.exp(mu + sigma * _NORMAL.inv_cdf(share))
        return low + share * (high - low)

    def _lognormal(self) -> tuple[float, float]:
        low, high = math.log(float(self.low)), math.log(float(self.high))
        return (low + high) / 2, (high - low) / (2 * _NORMAL.inv_cdf(0.9))


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def _read(value: Any) -> Any:
    if value is None or isinstance(value, Amount):
        return value
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ValueError("a range is [low, high]")
        low, high = (_number(part) for part in value)
        return {"distribution": "uniform", "low": low, "high": high}
    if isinstance(value, Mapping):
        return {key: part if key == "distribution" else _number(part) for key, part in value.items()}
    number = _number(value)
    return {"distribution": "fixed", "low": number, "high": number}


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _write(amount: Amount | None) -> Any:
    if amount is None:
        return None
    if amount.distribution == "fixed":
        return _plain(amount.low)
    if amount.distribution == "uniform":
        return [_plain(amount.low), _plain(amount.high)]
    said: dict[str, Any] = {
        "distribution": amount.distribution,
        "low": _plain(amount.low),
        "high": _plain(amount.high),
    }
    if amount.mode is not None:
        said["mode"] = _plain(amount.mode)
    return said


Driver = Annotated[Amount | None, BeforeValidator(_read), PlainSerializer(_write)]


def _default(value: Any) -> Any:
    return Field(default_factory=lambda: Amount.model_validate(_read(value)))


class Credits(BaseModel):
    """What is left of an account's credits: USD, and the last day on which AWS takes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: Decimal = Field(gt=0)
    until: date


class Usage(BaseModel):
    """``[usage]``: what a month of traffic, releases and storage looks like.

    Fields that traffic drives (:data:`TRAFFIC`) share one load factor when sampled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Driver = _default(3_000_000)
    new_connections: Driver = _default(600_000)
    active_connections: Driver = _default(200)
    to_users_gb: Driver = _default([156, 211])
    from_users_gb: Driver = _default(20)
    daily_profile: tuple[Decimal, ...] = ()
    connections_profile: tuple[Decimal, ...] = ()

    to_database_gb: Driver = _default(10)
    from_database_gb: Driver = _default(30)
    database_path: Path = "nat"
    to_apis_gb: Driver = _default(3)
    from_apis_gb: Driver = _default(3)
    apis_path: Path = "nat"
    registry_path: Path = "nat"
    logs_gb: Driver = _default([4, 10])
    logs_path: Path = "nat"
    logs_kept_gb: Driver = _default(5)
    flow_logs_gb: Driver = _default(1)
    access_logs_gb: Driver = _default(1)

    releases: Driver = _default(20)
    image_gb: Driver = _default("0.15")
    images_kept: Driver = _default(10)
    cloudfront_plan: Literal["pay-as-you-go", "free", "pro", "business", "premium"] = "pay-as-you-go"
    asset_requests: Driver = _default(500_000)
    assets_to_users_gb: Driver = _default(10)
    cpu_percent: Driver = _default(10)
    cpu_percent_of: Mapping[str, Driver] = Field(default_factory=dict)
    asleep_hours: Driver = _default(0)
    scaled_hours: Driver = None
    custom_metrics: Driver = _default(6)

    s3_gb: Driver = _default(1)
    s3_puts: Driver = _default(20_000)
    s3_gets: Driver = _default(20_000)
    dynamodb_gb: Driver = _default("0.001")
    dynamodb_reads: Driver = _default(2_000)
    dynamodb_writes: Driver = _default(2_000)
    dns_queries: Driver = _default(1_000_000)

    cross_zone_gb: Driver = None
    ebs_snapshot_gb: Driver = None
    database_backup_gb: Driver = None
    aurora_gb: Driver = None
    aurora_ios: Driver = None
    cache_backup_gb: Driver = None
    endpoint_gb: Driver = None
    nlb_gb: Driver = None
    lambda_requests: Driver = None
    lambda_ms: Driver = None
    queue_requests: Driver = None
    topic_publishes: Driver = _default(1_000)
    topic_emails: Driver = _default(200)
    kms_requests: Driver = _default(5_000)
    secret_requests: Driver = None
    trail_events: Driver = _default(0)
    metric_requests: Driver = None
    magnetic_ios: Driver = None
    origin_requests: Driver = None
    trail_management_events: Driver = None
    topic_gb: Driver = None
    bus_events: Driver = None
    archived_gb: Driver = None
    archive_kept_gb: Driver = None
    glb_gb: Driver = None
    stream_in_gb: Driver = None
    stream_out_gb: Driver = None
    stream_put_units: Driver = None
    broker_gb: Driver = None
    redshift_gb: Driver = None
    efs_gb: Driver = None
    efs_ia_gb: Driver = None
    efs_ia_read_gb: Driver = None
    fsx_backup_gb: Driver = None
    docdb_gb: Driver = None
    docdb_ios: Driver = None
    docdb_backup_gb: Driver = None
    transit_gb: Driver = None
    firewall_gb: Driver = None
    resolver_queries: Driver = None
    transfer_up_gb: Driver = None
    transfer_down_gb: Driver = None
    airflow_gb: Driver = None
    express_requests: Driver = None
    state_transitions: Driver = None
    api_requests: Driver = None
    http_api_requests: Driver = None
    websocket_messages: Driver = None
    websocket_minutes: Driver = None
    build_minutes: Driver = None
    glue_dpu_hours: Driver = None
    crawler_dpu_hours: Driver = None
    config_evaluations: Driver = None
    config_items: Driver = None
    client_vpn_hours: Driver = None
    apprunner_hours: Driver = None
    neptune_gb: Driver = None
    neptune_ios: Driver = None
    fanout_gb: Driver = None
    s3_standard_ia_gb: Driver = None
    s3_onezone_ia_gb: Driver = None
    s3_glacier_gb: Driver = None
    s3_deep_archive_gb: Driver = None
    s3_intelligent_tiering_gb: Driver = None

    allowances_used: Mapping[str, Driver] = Field(default_factory=dict)
    trials: tuple[Literal["t4g.small"], ...] = ()
    credits: Credits | None = None

    @model_validator(mode="after")
    def _profiles(self) -> Usage:
        for name in ("daily_profile", "connections_profile"):
            hours = getattr(self, name)
            if hours and (len(hours) != 24 or min(hours) < 0 or not sum(hours)):
                raise ValueError(f"{name} needs 24 weights, none below zero and not all zero")
        return self

    @model_validator(mode="after")
    def _within_a_month(self) -> Usage:
        if self.asleep_hours is not None and self.asleep_hours.high > HOURS_PER_MONTH:
            raise ValueError(f"asleep_hours: a month has {HOURS_PER_MONTH} hours")
        return self

    @property
    def certain(self) -> bool:
        """Whether no figure is a range or a distribution."""
        return all(amount is None or amount.certain for amount in self.drivers().values())

    def drivers(self) -> dict[str, Amount | None]:
        """Every figure by name; those of one group as ``cpu_percent of NatGroup``."""
        own = {f"cpu_percent of {name}": amount for name, amount in self.cpu_percent_of.items()}
        return {name: getattr(self, name) for name in DRIVERS} | own


DRIVERS: tuple[str, ...] = tuple(
    name
    for name, field in Usage.model_fields.items()
    if any(isinstance(part, BeforeValidator) for part in field.metadata)
)
"""Names of the figures of :class:`Usage`, in their order."""

TRAFFIC: frozenset[str] = frozenset(
    {
        "requests",
        "new_connections",
        "active_connections",
        "to_users_gb",
        "from_users_gb",
        "to_database_gb",
        "from_database_gb",
        "to_apis_gb",
        "from_apis_gb",
        "logs_gb",
        "logs_kept_gb",
        "flow_logs_gb",
        "access_logs_gb",
        "asset_requests",
        "assets_to_users_gb",
        "cpu_percent",
        "cross_zone_gb",
        "dns_queries",
        "aurora_ios",
        "endpoint_gb",
        "nlb_gb",
        "lambda_requests",
        "queue_requests",
        "dynamodb_reads",
        "dynamodb_writes",
    }
)
"""What more users make more of: one load factor for all."""


def nothing_given() -> Usage:
    """No figure at all: for templates whose owner said nothing of their use."""
    return Usage.model_validate(dict.fromkeys(DRIVERS))
