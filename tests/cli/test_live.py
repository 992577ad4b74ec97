"""The live view of stacks, fed with events."""

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from hermes_cfn import events
from hermes_cfn.cli import console
from hermes_cfn.cli.live import View

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def told(stack: str, name: str, status: str) -> events.ResourceEvent:
    return events.ResourceEvent(NOW, stack, name, "AWS::SNS::Topic", status)


def test_each_stack_has_a_line_with_its_progress_and_estimate_until_it_ends() -> None:
    out = Console(file=StringIO(), force_terminal=True, width=100)
    with View(out) as view:
        view.take(events.StageStarted(NOW, "stacks", "2 of production", 400.0))
        view.take(events.StageStarted(NOW, "network", "hermes-network", 154.0, 25))
        view.take(events.StageStarted(NOW, "certificate", "hermes-certificate", 239.0, 1))
        for status in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_COMPLETE"):
            view.take(told("hermes-network", "Vpc", status))
        view.take(told("hermes-network", "hermes-network", "CREATE_COMPLETE"))
        network, certificate = view.progress.tasks
        assert (network.description, network.completed, network.total) == ("network", 1, 25)
        assert network.fields["about"] == "of about 2 min 34 s"
        assert certificate.completed == 0
        view.take(events.StageEnded(NOW, "network", "CREATE_COMPLETE"))
        assert [task.description for task in view.progress.tasks] == ["certificate"]


def test_ctrl_c_while_a_line_is_printed_reaches_the_flow(monkeypatch) -> None:
    heard = []

    def flow():
        try:
            yield events.Waiting(NOW, "one")
        except KeyboardInterrupt:
            heard.append("interrupted")
            yield events.Waiting(NOW, "leaving")

    shown = iter([KeyboardInterrupt(), None])

    def describe(event: events.Event) -> str:
        struck = next(shown)
        if struck:
            raise struck
        return str(event)

    monkeypatch.setattr(console, "describe", describe)
    assert [event.what for event in console.follow(flow())] == ["one", "leaving"]
    assert heard == ["interrupted"]
