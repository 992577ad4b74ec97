"""All sections together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from hermes_cfn.config.access import Access
from hermes_cfn.config.application import Application
from hermes_cfn.config.build import Build
from hermes_cfn.config.certificate import Certificate, Database
from hermes_cfn.config.compute import Compute
from hermes_cfn.config.container import Container
from hermes_cfn.config.destination import Destination
from hermes_cfn.config.extras import ExtraFile, ParameterName, Value
from hermes_cfn.config.github import GitHub
from hermes_cfn.config.ingress import Ingress, Route, RouteName, SignIn
from hermes_cfn.config.network import Network
from hermes_cfn.config.place import Account, Environment
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.processes import Process
from hermes_cfn.config.release import Release
from hermes_cfn.config.scaling import Scaling
from hermes_cfn.config.section import Name, Section, VariableName
from hermes_cfn.config.service import Service
from hermes_cfn.config.usage import Usage
from hermes_cfn.config.watch import Budget, Edge, Watch, Worldwide


class Settings(Section):
    """What ``hermes.toml`` says, complete and checked."""

    application: Application = Application()
    env: Mapping[VariableName, Value] = Field(default_factory=dict)
    extras: Mapping[Name, Mapping[ParameterName, Value]] = Field(default_factory=dict)
    access: Access = Access()
    container: Container = Container()
    processes: Mapping[Name, Process] = Field(default_factory=dict)
    account: Account = Account()
    environment: Environment = Environment()
    network: Network = Network()
    compute: Compute = Compute()
    scaling: Scaling = Scaling()
    service: Service = Service()
    ingress: Ingress = Ingress()
    routes: Mapping[RouteName, Route] = Field(default_factory=dict)
    sign_in: SignIn = SignIn()
    certificate: Certificate = Certificate()
    database: Database = Database()
    release: Release = Release()
    github: GitHub = GitHub()
    build: Build = Build()
    watch: Watch = Watch()
    edge: Edge = Edge()
    worldwide: Worldwide = Worldwide()
    budget: Budget = Budget()
    usage: Usage = Usage()
    planning: Planning = Planning()
    siblings: tuple[Settings, ...] = Field(default=(), exclude=True, repr=False)
    _extra_files: tuple[ExtraFile, ...] = PrivateAttr(default=())
    _together: tuple[str, ...] = PrivateAttr(default=())

    @property
    def extra_files(self) -> tuple[ExtraFile, ...]:
        """The files of ``extras/`` beside ``hermes.toml``, for every environment alike."""
        return self._extra_files

    def with_extras(self, files: tuple[ExtraFile, ...]) -> Settings:
        """The same with these files beside it."""
        made = self.model_copy()
        made._extra_files = files
        return made

    @property
    def together(self) -> tuple[str, ...]:
        """Names of the environments of the file that share this one's foundation, in the file's order; its own at least."""
        return self._together or (self.environment.name,)

    def beside(self, environments: tuple[str, ...]) -> Settings:
        """The same as one of these environments of a file."""
        made = self.model_copy()
        made._together = environments
        return made

    @property
    def ways_out(self) -> tuple[Destination, ...]:
        """Everything that instances may open connections to: 443 and the database's port anywhere, and ``network.outbound``."""
        always = (Destination(port, port) for port in sorted({443, self.database.port}))
        return tuple(dict.fromkeys((*always, *self.network.destinations)))

    @model_validator(mode="before")
    @classmethod
    def _as_many_as_scaling_has(cls, content: Any) -> Any:
        """With ``[scaling]`` the number of instances is its minimum, wherever one number is asked for."""
        scaling = content.get("scaling") if isinstance(content, Mapping) else None
        compute = content.get("compute", {}) if isinstance(content, Mapping) else None
        if not (isinstance(scaling, Mapping) and isinstance(compute, Mapping)):
            return content
        least = scaling.get("minimum")
        if not scaling.get("maximum") or "count" in compute or type(least) is not int or least < 1:
            return content
        return {**content, "compute": {**compute, "count": least}}

    @property
    def further_hosts(self) -> tuple[str, ...]:
        """Names beside ``certificate.domain`` that lead to the load balancer."""
        return (*self.ingress.hosts, *self.ingress.redirect_hosts)

    @property
    def own_network(self) -> bool:
        """Whether the VPC is one that this deployment makes."""
        return not (self.network.vpc_id or self.environment.shares)

    @property
    def own_balancer(self) -> bool:
        """Whether the load balancer is one that this deployment makes."""
        return not (self.ingress.listener_arn or self.environment.shares)

    @property
    def sharers(self) -> tuple[Settings, ...]:
        """Environments of the file that use this one's network and load balancer."""
        return tuple(one for one in self.siblings if one.environment.shares == self.environment.name)

    @property
    def rules_of_its_own(self) -> bool:
        """Whether the HTTPS listener has rules beside its default."""
        ingress = self.ingress
        return bool(
            self.routes or ingress.maintenance or ingress.redirect_hosts or self.sign_in.paths or not self.own_balancer
        )

    @property
    def recorded_hosts(self) -> tuple[str, ...]:
        """Names whose records may stand in the zone of ``certificate.domain``; those of another domain are somebody else's to make."""
        domain = self.certificate.domain
        return (domain, *(host for host in self.further_hosts if host.split(".")[-2:] == domain.split(".")[-2:]))

    @property
    def requested_hosts(self) -> tuple[str, ...]:
        """Those that the certificate which is requested names one by one: no other certificate may have them, and no wildcard does."""
        if self.certificate.arn or self.ingress.certificates:
            return ()
        below = self.certificate.domain if self.certificate.wildcard else ""
        return tuple(host for host in self.further_hosts if host.partition(".")[2] != below)

    @property
    def region(self) -> str:
        return self.account.region

    @property
    def longest_start_s(self) -> int:
        """Seconds after which every container of an instance is well, or the release is not."""
        return max(self.application.start_timeout_s, *(one.start_timeout_s for one in self.processes.values()), 0)

    @property
    def processes_mib(self) -> int:
        """MiB of an instance that the containers beside the web process may use together."""
        return sum(one.count * one.memory_mib for one in self.processes.values())

    @property
    def family(self) -> tuple[Settings, ...]:
        """Every environment of the file that shares this one's foundation, in the file's order."""
        return self.siblings or (self,)

    @property
    def alone(self) -> bool:
        """Whether no other environment may run its images: then nobody can delete what another one runs."""
        return len(self.together) == 1


NAMED: Mapping[str, type[Section]] = {"processes": Process, "routes": Route}
"""Sections whose tables have names of the user's, like ``[processes.NAME]``, and what each table says."""
