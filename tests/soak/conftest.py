"""An embedded cloud with one deployment of one instance."""

import pytest

from tests.stories.conftest import Cloud


@pytest.fixture
def made_cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy("compute.count = 1\n")
        yield made
    finally:
        made.stop()
