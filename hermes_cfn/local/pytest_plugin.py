"""For pytest: a session's own embedded cloud.  The distribution hermes-cfn-cloud registers this plugin.

>>> def test_a_bucket(embedded_cloud):
...     s3 = embedded_cloud.client("s3")
...     s3.create_bucket(Bucket="mine")

The cloud starts when the first test asks for it, and ends with the session, however that ends.  Each worker of
pytest-xdist has one of its own.  A fixture ``embedded_cloud_options`` in ``conftest.py`` says how it is to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from hermes_cfn.local import control
from hermes_cfn.local.command import REGION
from hermes_cfn.local.options import Options


@dataclass(frozen=True)
class EmbeddedCloud:
    """A cloud in the directory ``state``, to be used with :mod:`hermes_cfn.local.control` for what is not here.

    ``region`` is where :meth:`client` calls if it is not told otherwise.
    """

    state: Path
    options: Options
    region: str = REGION

    @property
    def endpoint(self) -> str:
        """The URL that AWS's protocols are spoken on.  Raises HermesError when the cloud does not run."""
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment by which programs that a test starts call this cloud as its administrator; holds the secret key."""
        return control.variables(self.state, self.region)

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of ``service`` ("s3", "cloudformation" ...), as the cloud's administrator."""
        values = self.environment
        return boto3.session.Session().client(
            service,
            region_name=region or self.region,
            endpoint_url=values["AWS_ENDPOINT_URL"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            config=Config(proxies={}),
        )

    def reset(self) -> None:
        """Ends the cloud and starts an empty one: clients that were made before have the keys of the one that ended."""
        control.reset(self.state)
        control.start(self.state, self.options)


@pytest.fixture(scope="session")
def embedded_cloud_options() -> Options:
    """How the session's cloud is started; answers are as of now, for tests look at what they have just written."""
    return Options(follow_parent=True, consistency="strong")


@pytest.fixture(scope="session")
def embedded_cloud(
    tmp_path_factory: pytest.TempPathFactory, embedded_cloud_options: Options
) -> Iterator[EmbeddedCloud]:
    """An embedded cloud for the whole session: ``endpoint``, ``client(service)``, ``environment``, ``reset()``."""
    cloud = EmbeddedCloud(tmp_path_factory.mktemp("embedded-cloud"), embedded_cloud_options)
    control.start(cloud.state, cloud.options)
    yield cloud
    control.reset(cloud.state)
