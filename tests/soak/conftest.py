"""An embedded cloud with one deployment."""

import pytest

from tests.stories.conftest import Cloud


@pytest.fixture
def made_cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy()
        yield made
    finally:
        made.stop()
