"""What holds for every test."""

import os
import signal
from pathlib import Path

import pytest

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
"""Nobody's own credentials reach a test, and no test AWS."""

os.environ.setdefault("HERMES_CONSISTENCY", "strong")
"""Tests look with plain clients at what they have just done.  What runs on a late cloud says so itself; with ``default`` in the
environment the stories do, too (``docs/embedded-cloud.md``)."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A suite that a shell starts in the background inherits an ignored SIGINT, and so would every verb that a test interrupts."""

SLOWEST = ("stories", "embedded")

HERE = Path(__file__).parent
HEAVY = {
    "instance/test_scripts.py": 118,
    "stories/test_deploy_story.py": 181,
    "stories/test_rehearse.py": 300,
    "stories/test_guide_commands.py": 138,
    "analysis/test_no_contradiction.py": 90,
    "stories/test_half_existing.py": 60,
    "stories/test_leaving_story.py": 150,
    "stories/test_scaling_story.py": 370,
    "stories/test_coming_over_story.py": 200,
    "stories/test_extras_story.py": 90,
    "stories/test_plan_story.py": 137,
    "local/test_nothing_is_left.py": 130,
    "instance/test_causes.py": 113,
    "stacks/test_plan_is_a_proof.py": 110,
    "stories/test_docs.py": 100,
    "local/test_cloudformation_templates.py": 96,
    "stories/test_main_job.py": 79,
    "instance/test_systemd.py": 65,
    "stories/test_processes_story.py": 60,
    "instance/test_processes.py": 35,
    "pricing/test_price_api.py": 63,
    "analysis/test_frontier.py": 61,
    "instance/test_secrets_stay.py": 47,
    "stacks/test_any_configuration.py": 47,
    "cfn/test_hostile.py": 43,
    "analysis/test_report.py": 36,
    "stories/test_zones_story.py": 36,
    "stories/test_stack_states.py": 36,
    "stories/test_ways_story.py": 66,
    "instance/test_real_machine.py": 30,
}
"""Files that ``make heavy`` runs and ``make test`` does not, and the seconds that each took on one of two cores; CI runs both."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin first, so that at the end no worker waits for another one's story."""
    for item in items:
        if item.path.relative_to(HERE).as_posix() in HEAVY:
            item.add_marker(pytest.mark.heavy)
    items.sort(key=lambda item: item.path.parent.name not in SLOWEST)
