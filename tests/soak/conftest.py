"""An embedded cloud with one deployment of one instance, whose waits are hurried a hundred times."""

import pytest

from hermes_cfn.local.options import Options
from tests.stories.conftest import Cloud


@pytest.fixture
def made_cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy("compute.count = 1\n", Options(follow_parent=True, speed=100))
        yield made
    finally:
        made.stop()
