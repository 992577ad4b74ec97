"""All sections together."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, PrivateAttr

from hermes_cfn.config.access import Access
from hermes_cfn.config.application import Application
from hermes_cfn.config.certificate import Certificate, Database
from hermes_cfn.config.compute import Compute
from hermes_cfn.config.destination import Destination
from hermes_cfn.config.extras import ExtraFile, ExtraName, ParameterName, Value
from hermes_cfn.config.github import GitHub
from hermes_cfn.config.network import Network
from hermes_cfn.config.place import Account, Environment
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.release import Release
from hermes_cfn.config.section import Section, VariableName
from hermes_cfn.config.service import Service
from hermes_cfn.config.usage import Usage
from hermes_cfn.config.watch import Budget, Edge, Watch, Worldwide


class Settings(Section):
    """What ``hermes.toml`` says, complete and checked."""

    application: Application = Application()
    env: Mapping[VariableName, Value] = Field(default_factory=dict)
    extras: Mapping[ExtraName, Mapping[ParameterName, Value]] = Field(default_factory=dict)
    access: Access = Access()
    account: Account = Account()
    environment: Environment = Environment()
    network: Network = Network()
    compute: Compute = Compute()
    service: Service = Service()
    certificate: Certificate = Certificate()
    database: Database = Database()
    release: Release = Release()
    github: GitHub = GitHub()
    watch: Watch = Watch()
    edge: Edge = Edge()
    worldwide: Worldwide = Worldwide()
    budget: Budget = Budget()
    usage: Usage = Usage()
    planning: Planning = Planning()
    siblings: tuple[Settings, ...] = Field(default=(), exclude=True, repr=False)
    _extra_files: tuple[ExtraFile, ...] = PrivateAttr(default=())

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
    def ways_out(self) -> tuple[Destination, ...]:
        """Everything that instances may open connections to: 443 and the database's port anywhere, and ``network.outbound``."""
        always = (Destination(port, port) for port in sorted({443, self.database.port}))
        return tuple(dict.fromkeys((*always, *self.network.destinations)))

    @property
    def region(self) -> str:
        return self.account.region

    @property
    def family(self) -> tuple[Settings, ...]:
        """Every environment of the file that shares this one's foundation, in the file's order."""
        return self.siblings or (self,)

    @property
    def alone(self) -> bool:
        """Whether no other environment shares the registry: then nobody can delete what another one runs."""
        return len(self.family) == 1
