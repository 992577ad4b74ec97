"""``[planning]``: who uses it, from where, how much, and what a page asks of the database.

Only ``analysis`` reads it; nothing here is deployed.  Every default is an assumption to
replace with what you measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from hermes_cfn.config.section import Section

Share = Annotated[float, Field(ge=0, le=1, strict=False)]
Positive = Annotated[float, Field(gt=0, strict=False)]
NotNegative = Annotated[float, Field(ge=0, strict=False)]
Money = Annotated[Decimal, Field(ge=0, strict=False), BeforeValidator(lambda value: Decimal(str(value)))]
CreditMode = Literal["unlimited", "standard"]
ServiceShape = Literal["lognormal", "gamma"]


class Planning(Section):
    """``*_ms`` in milliseconds, ``*_mib`` in MiB, ``*_kib`` in KiB; shares are fractions of 1.

    ``users`` and ``access`` are shares by city and by last mile (``analysis latency --places``
    names the known ones).  ``peak_requests_per_s`` is the busiest hour's mean; ``day`` gives 24
    hourly weights of which the largest is that peak.  ``*_scv`` is a squared coefficient of
    variation; ``service_shape`` the distribution of that variation (lognormal has the heavier tail).  ``current_*`` is where one is today, the first row of the options and what the answers compare with: a
    published plan of another house (``current_plan``, as heroku/standard-2x, ``current_count`` times), or a name and a price;
    0 and empty are not stated.
    ``jitter_own`` is the share of a round trip's variance (of its logarithm) that is the user's own line and route, the
    same for all round trips of one visit; the rest is another for each.  ``response_kib`` is a page's size too: what does
    not fit into a new connection's first window takes more rounds.  ``asset_rounds`` are the
    rounds of static files that a first page waits for, one after the other.  ``availability`` is what the frontier's answer must reach at least, unless its verb says otherwise.
    """

    users: Mapping[str, Positive] = Field(
        default_factory=lambda: {
            "madrid": 0.38,
            "barcelona": 0.25,
            "valencia": 0.10,
            "seville": 0.09,
            "bilbao": 0.06,
            "malaga": 0.06,
            "las-palmas": 0.06,
        }
    )
    access: Mapping[str, Positive] = Field(default_factory=lambda: {"fibre": 0.7, "mobile": 0.3})
    database: str = "madrid"
    queries_per_page: NotNegative = 8
    queries_per_message: NotNegative = 2
    transactions_per_page: NotNegative = 1
    asset_rounds: Annotated[int, Field(ge=0, le=10)] = 1
    query_ms: Positive = 1.0
    jitter_own: Share = 0.5
    dns_ms: NotNegative = 2.0
    balancer_ms: NotNegative = 1.0

    peak_requests_per_s: NotNegative = 2
    day: Annotated[tuple[NotNegative, ...], Field(strict=False)] = (
        *(2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0),
        *(14.0, 18.0, 20.0, 20.0, 18.0, 15.0, 14.0, 16.0),
        *(18.0, 19.0, 18.0, 16.0, 14.0, 11.0, 7.0, 4.0),
    )
    service_ms: Positive = 15
    service_scv: NotNegative = 1.0
    service_shape: ServiceShape = "lognormal"
    idle_cpu: Share = 0.02
    boot_cpu_s: NotNegative = 120
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    database_connections: Annotated[int, Field(ge=1)] = 100
    database_reserved: Annotated[int, Field(ge=0)] = 3
    sockets: NotNegative = 400
    socket_kib: NotNegative = 100
    application_mib: Positive = 220
    system_mib: NotNegative = 260
    response_kib: NotNegative = 60
    credits: CreditMode = "unlimited"
    target_p99_ms: Positive = 500
    availability: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.99

    current_name: str = ""
    current_plan: str = ""
    current_count: Annotated[int, Field(ge=1, le=1000)] = 1
    current_monthly: Money = Decimal(0)
    current_place: str = ""
    current_p50_ms: NotNegative = 0
    current_p99_ms: NotNegative = 0
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    currency_per_usd: Money = Decimal(1)
    vat: Money = Decimal(0)

    @field_validator("users", "access")
    @classmethod
    def _some(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        if not value:
            raise ValueError("names nobody; give shares like { madrid = 0.6, seville = 0.4 }")
        return value

    @field_validator("day")
    @classmethod
    def _a_day(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 24 or max(value) <= 0:
            raise ValueError("needs 24 hourly weights, not all zero")
        return value
