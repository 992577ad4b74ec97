"""``[service]``: the load balancer, and what instances may tell each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hermes_cfn.config.section import Port, Section

LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]


class Service(Section):
    """``*_s`` in seconds.  The attributes of the target group are chosen for fast, safe rolling."""

    tls_policy: Annotated[str, StringConstraints(pattern=r"^ELBSecurityPolicy-[A-Za-z0-9-]+$")] = (
        "ELBSecurityPolicy-TLS13-1-2-2021-06"
    )
    deletion_protection: bool = True
    access_logs: bool = False
    waf: bool = False
    waf_requests_per_5_min: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    idle_timeout_s: Annotated[int, Field(ge=1, le=4000)] = 60
    deregistration_delay_s: Annotated[int, Field(ge=0, le=3600)] = 30
    slow_start_s: Annotated[int, Field(ge=0, le=900)] = 0
    stickiness: bool = False
    health_interval_s: Annotated[int, Field(ge=5, le=300)] = 10
    health_timeout_s: Annotated[int, Field(ge=2, le=120)] = 5
    healthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2
    unhealthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2
    log_days: LogDays = 30
    cluster: bool = False
    cluster_port: Port = 9100
