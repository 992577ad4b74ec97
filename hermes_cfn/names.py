"""The only place that spells a name, a path or a tag on which two parties must agree.

In templates the account is the pseudo parameter ``${AWS::AccountId}``; :meth:`Names.of` leaves it
there unless the configuration states an account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hermes_cfn.config import Settings
from hermes_cfn.config.section import shortened

ACCOUNT = "${AWS::AccountId}"
ROLES = ("infrastructure", "release", "plan", "operator")
OPTIONAL = ("network", "certificate", "worldwide", "edge", "watch")
"""Keys of the stacks that an environment may have or not; ``worldwide`` stands in us-east-1."""

_EXTRA = "extra-"
ENVIRONMENT_TAG = "hermes:environment"
MAINTENANCE = "Maintenance"
"""The service stack's parameter ``on`` or ``off``: the verb ``maintenance`` moves it, and a deployment keeps it."""
REHEARSALS = "rehearsals"
"""The folder beside hermes.toml with the certificates of rehearsals."""

GITHUB = "token.actions.githubusercontent.com"
"""Host of GitHub's OIDC provider, and so its name in IAM."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one environment of one application in one account and region."""

    application: str
    environment: str
    account: str
    region: str
    repository: str = ""
    """Where this environment's images are pushed to: the application's name for the file's own environment and for one
    that is alone, ``hermes/staging`` for the others, so that none writes where another one pushes."""

    def __post_init__(self) -> None:
        if not self.repository:
            object.__setattr__(self, "repository", self.application)

    @classmethod
    def of(cls, settings: Settings, account: str = "") -> Names:
        """``account`` is the 12 digits, or nothing for ``${AWS::AccountId}``."""
        application, environment = settings.application.name, settings.environment.name
        region = settings.account.region
        return cls(application, environment, account or ACCOUNT, region, _repository(settings, environment))

    def sharing(self, settings: Settings) -> Names:
        """The names of the environment whose network and load balancer are used; this one's own where none is."""
        return replace(self, environment=settings.environment.shares or self.environment)

    @property
    def _both(self) -> str:
        return f"{self.application}-{self.environment}"

    @property
    def _path(self) -> str:
        return f"/{self.application}/{self.environment}"

    def stack(self, key: str) -> str:
        """``hermes-production-network``; ``foundation`` is one an account: ``hermes-foundation``."""
        return f"{self.application}-{key}" if key == "foundation" else f"{self._both}-{key}"

    @property
    def goal_parameter(self) -> str:
        return f"{self._path}/release/goal"

    @property
    def stable_parameter(self) -> str:
        return f"{self._path}/release/stable"

    @property
    def secrets_path(self) -> str:
        return f"{self._path}/secret"

    def secret(self, name: str) -> str:
        """The SecureString parameter of one secret."""
        return f"{self.secrets_path}/{name}"

    def candidate(self, name: str) -> str:
        """The SecureString parameter that holds a value while it is tried."""
        return f"{self.secrets_path}/candidate/{name}"

    @property
    def access_parameter(self) -> str:
        """The program by which an instance hands the application's credentials to the containers."""
        return f"{self._path}/access/program"

    @property
    def instance_reports_path(self) -> str:
        return f"{self._path}/instances"

    def instance_report(self, instance_id: str) -> str:
        """The parameter that an instance writes about itself."""
        return f"{self.instance_reports_path}/{instance_id}"

    def document(self, task: str) -> str:
        """The SSM document of a task."""
        return f"{self._both}-{task}"

    @property
    def auto_scaling_group(self) -> str:
        return self._both

    @property
    def target_group(self) -> str:
        return self.load_balancer

    @property
    def load_balancer(self) -> str:
        """At most 32 characters; a longer name is cut and told from others that begin alike by six digits of its hash."""
        return shortened(self._both)

    @property
    def launch_template(self) -> str:
        return self._both

    @property
    def launch_hook(self) -> str:
        return f"{self._both}-launch"

    @property
    def log_group(self) -> str:
        return f"/aws/ec2/{self.environment}/{self.application}"

    @property
    def app_security_group(self) -> str:
        return f"{self.environment}-app-sg"

    @property
    def balancer_security_group(self) -> str:
        return f"{self._both}-alb-sg"

    @property
    def lock_table(self) -> str:
        return f"{self.application}-deploy-lock"

    @property
    def lock_key(self) -> str:
        return self.environment

    @property
    def artifacts_bucket(self) -> str:
        return f"{self.application}-artifacts-{self.account}-{self.region}"

    @property
    def assets_bucket(self) -> str:
        return f"{self._both}-assets-{self.account}-{self.region}"

    @property
    def logs_bucket(self) -> str:
        return f"{self._both}-logs-{self.account}-{self.region}"

    @property
    def trail(self) -> str:
        return self._both

    @property
    def topic(self) -> str:
        return f"{self._both}-alarms"

    @property
    def dashboard(self) -> str:
        return self._both

    @property
    def budget(self) -> str:
        return self._both

    @property
    def web_acl(self) -> str:
        return self._both

    @property
    def cluster_namespace(self) -> str:
        return f"{self.environment}.{self.application}.internal"

    @property
    def cluster_name(self) -> str:
        """What resolves to every instance of the group, when ``service.cluster`` is on."""
        return f"app.{self.cluster_namespace}"

    @property
    def cluster_parameter(self) -> str:
        """Holds the id of the Cloud Map service in which instances register."""
        return f"{self._path}/cluster/service"

    def alarm(self, what: str) -> str:
        """``hermes-production-unhealthy-hosts``."""
        return f"{self._both}-{what}"

    def role(self, task: str) -> str:
        """Roles of this environment: ``infrastructure``, ``release``, ``plan``, ``operator``, ``instance``…"""
        return f"{self._both}-{task}"

    def made_role_arn(self, task: str) -> str:
        """The ARN of a role that a stack makes, with its path."""
        return f"arn:aws:iam::{self.account}:role{self.made_path}{self.role(task)}"

    @property
    def trail_bucket(self) -> str:
        return f"{self._both}-trail-{self.account}-{self.region}"

    @property
    def service_role_arn(self) -> str:
        """The role that CloudFormation works with on the stacks of this environment."""
        return f"arn:aws:iam::{self.account}:role/{self.role('cloudformation')}"

    @property
    def boundary(self) -> str:
        """The permissions boundary of the roles that this environment's stacks make."""
        return f"{self._both}-boundary"

    @property
    def made_path(self) -> str:
        """The IAM path of roles and instance profiles that stacks make; no other environment's begins with it."""
        return f"{self._path}/"

    @property
    def tags(self) -> Mapping[str, str]:
        return {"hermes:application": self.application, ENVIRONMENT_TAG: self.environment}

    def clashes(self, other: Names) -> bool:
        """Whether a pattern of names of the one (``hermes-production-*``) can mean something of the other."""
        return clash(self._both, other._both)

    def template_key(self, stack: str, digest: str) -> str:
        """Key in the artifacts bucket of a template that is too long to be sent."""
        return f"templates/{self.environment}/{stack}-{digest}.json"

    def released_tag(self, release_id: str) -> str:
        """The image's tag that says: released, in this environment.  The registry's own rules never touch it."""
        return f"released-{self.environment}-{release_id}"

    def release_key(self, release_id: str) -> str:
        """Key in the artifacts bucket of a release that was made."""
        return f"releases/{self.environment}/{release_id}.json"


def extra_key(name: str) -> str:
    """Key of the stack of an extra: ``extra-uploads``, so that its name is ``hermes-production-extra-uploads``."""
    return f"{_EXTRA}{name}"


def is_extra(key: str) -> bool:
    """Whether that is the key of an extra's stack."""
    return key.startswith(_EXTRA)


def extra_name(key: str) -> str:
    """What people call the stack with that key: ``uploads``; others by their key."""
    return key.removeprefix(_EXTRA)


def foundation_title(environment: str) -> str:
    """What logical IDs of the foundation begin with for an environment: ``Production``."""
    return "".join(word.capitalize() for word in environment.split("-"))


def repositories(settings: Settings) -> tuple[str, ...]:
    """Where the environments of the file push their images: this one's own first, the file's own environment's next.

    Any of them may run an image of the others by its digest, which is how one is promoted.
    """
    every = (settings.environment.name, *settings.together)
    return tuple(dict.fromkeys(_repository(settings, environment) for environment in every))


def _repository(settings: Settings, environment: str) -> str:
    application = settings.application.name
    return application if environment == settings.together[0] else f"{application}/{environment}"


def balancer(settings: Settings) -> str:
    """The name of the load balancer that requests come through: this environment's, the shared one's, or another team's."""
    if settings.ingress.listener_arn:
        return settings.ingress.listener_arn.split("/")[2]
    return Names.of(settings).sharing(settings).load_balancer


def clash(mine: str, theirs: str) -> bool:
    """Whether ``hermes-production-*`` of the one can mean something of the other."""
    return mine == theirs or theirs.startswith(f"{mine}-") or mine.startswith(f"{theirs}-")


def founded(roles: Iterable[str]) -> set[str]:
    """What names of an environment begin with (``hermes-production``), for each whose roles are all among these."""
    known = set(roles)
    begun = {role.removesuffix("-cloudformation") for role in known if role.endswith("-cloudformation")}
    return {both for both in begun if all(f"{both}-{task}" in known for task in ROLES)}


def output_id(name: str) -> str:
    """``alb_dns_name`` as a template spells it: ``AlbDnsName``.

    CloudFormation allows letters and digits only in the logical id of an output (AWS, template
    reference, "Outputs"), so the guide's names live in this pair of functions.
    """
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def output_name(identifier: str) -> str:
    """``AlbDnsName`` as people read it: ``alb_dns_name``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", identifier).lower()
