"""The command line: one file per verb, loaded when it is called.

``--help`` imports nothing but click: each verb's first line of help stands in
:data:`VERBS`, and its file is read only when the verb runs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from types import TracebackType
from typing import Any

import click

from hermes_cfn.cli import terminal
from hermes_cfn.cli.again import tell

VERBS: dict[str, tuple[str, str]] = {
    "render": ("look", "Write the stacks to templates/<environment>/, or check that they are fresh."),
    "validate": ("look", "Run cfn-lint over the stacks, or over any template file."),
    "diagram": ("look", "Draw the stacks as an SVG picture."),
    "cost": ("look", "The monthly bill, line by line, of the stacks or of any template."),
    "prices": ("look", "Show, compare and refresh the price book."),
    "plan": ("look", "What would change, cost, interrupt and fail; writes nothing."),
    "explain": ("look", "What a finding of a plan means, and how to get out of it."),
    "approve": ("act", "A person's approval of one plan, typed on a terminal, for whoever applies it."),
    "deploy": ("act", "Stacks, then the release."),
    "release": ("act", "Roll an image through the fleet; touches no stack."),
    "releases": ("look", "List releases, or show everything kept of one."),
    "rollback": ("act", "Bring the previous release, or another, back."),
    "destroy": ("act", "Delete the stacks in reverse order."),
    "adopt": ("act", "Come over from what Terraform or hands built: look, keep, hand over in steps, and back."),
    "eject": ("act", "Leave: templates and a script of AWS CLI lines that need nothing of this tool."),
    "image": ("act", "Push an image and check its architecture."),
    "lock": ("act", "Show the deploy lock, or break it."),
    "secrets": ("act", "Set, rotate, restore, list and check secrets; never shows a value."),
    "init": ("start", "Write a hermes.toml and the workflows of a pipeline."),
    "extras": ("start", "Write a bucket, queue, database, … of one's own, priced before."),
    "completion": ("start", "Print the script that completes verbs in bash, zsh or fish."),
    "bootstrap": ("start", "Create the foundation of a new account, once, with admin credentials."),
    "status": ("watch", "One screen: stacks, release, instances, load balancer, lock."),
    "logs": ("watch", "Read the application's logs."),
    "doctor": ("watch", "Find what is wrong, with the evidence and the command that mends it."),
    "why": ("watch", "Why a stack, a release or an instance failed: the cause first."),
    "outputs": ("watch", "The outputs of the stacks, under the guide's names."),
    "mcp": ("watch", "Serve an agent: it plans, prices and rehearses, and applies what a person approved."),
    "whoami": ("watch", "The account and role in use, and what it may do here."),
    "run": ("act", "Run a command in the application's container on an instance."),
    "shell": ("act", "Open a shell on an instance through Session Manager."),
    "migrate": ("act", "Run the database migration once, on one instance."),
    "scale": ("act", "Change the number or type of instances in hermes.toml, and plan."),
    "machine-image": ("act", "Renew the machine image by a rollout."),
    "promote": ("act", "Release the very digest that another environment verified."),
    "assets": ("act", "Publish the static assets of a release."),
    "maintenance": ("act", "Show a page of the load balancer instead of the application, or end it."),
    "sleep": ("act", "Take an environment's instances to zero."),
    "wake": ("act", "Bring them back."),
    "local": ("rehearse", "Start, stop and inspect the embedded cloud."),
    "conformance": (
        "rehearse",
        "Whether a cloud does what AWS's documentation says; any endpoint, a real account too.",
    ),
    "rehearse": ("rehearse", "Deploy to a fresh embedded cloud under load, with faults."),
    "demo": ("rehearse", "The whole story on this machine, in about a minute."),
}
"""Verb -> (what one does with it, first line of its help)."""

GROUPS = {
    "start": "To begin",
    "look": "To see before acting",
    "act": "To act",
    "watch": "To watch and mend",
    "rehearse": "To learn and rehearse",
}


def _module_name(verb: str) -> str:
    return f"hermes_cfn.cli.{verb.replace('-', '_')}"


class LazyGroup(click.Group):
    """A group whose verbs are files, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(_module_name(cmd_name)).command
        command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb; one that is not known ends with those whose spelling is nearest."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0].lower(), VERBS, n=2, cutoff=0.6)
            meant = f"did you mean {' or '.join(near)}?" if near else "hermes-cfn --help names them all"
            ctx.fail(f"there is no verb {args[0]!r}; {meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group, title in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(verb, said) for verb, (where, said) in VERBS.items() if where == group])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hermes-cfn", prog_name="hermes-cfn")
@click.option(
    "--config",
    "-c",
    default="hermes.toml",
    show_default=True,
    type=click.Path(dir_okay=False),
    help="What you want to run.",
)
@click.option("--env", "environment", default=None, help="The environment (default: the file's own).")
@click.option("--profile", default=None, help="AWS profile.")
@click.option("--local/--aws", "local", default=False, help="Talk to the embedded cloud on this machine.")
@click.option("--debug", is_flag=True, help="Log each AWS call and show stack traces.")
@click.pass_context
def hermes(
    ctx: click.Context, config: str, environment: str | None, profile: str | None, local: bool, debug: bool
) -> None:
    """Describe a deployment once; see what it is, costs and changes; let it deploy itself."""
    ctx.ensure_object(dict).update(config=config, environment=environment, profile=profile, local=local, debug=debug)
    if debug:
        from hermes_cfn import log

        log.show()


def _interrupt(number: int, frame: object) -> None:
    """A run that is told to end ends as with Ctrl-C: the deploy lock is given back."""
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with one of :class:`hermes_cfn.errors.ExitCode`.

    That module is imported where something went wrong: ``--help`` shall cost little more than click.
    """
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, _interrupt)
    arguments = sys.argv[1:] if argv is None else argv
    given: dict[str, Any] = {}
    try:
        result = hermes.main(args=arguments, prog_name="hermes-cfn", standalone_mode=False, obj=given)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(_ended(error, given, debug="--debug" in arguments))
    sys.exit(int(result) if isinstance(result, int) else 0)


def _traced(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback whose message may be somebody else's text."""
    import traceback

    terminal.echo("".join(traceback.format_exception(kind, error, trace)), nl=False, err=True)


def _ended(error: BaseException, given: dict[str, Any], debug: bool) -> int:
    """Say what went wrong, and with which code that ends; raises it with ``--debug``."""
    from hermes_cfn.errors import ExitCode, HermesError

    if isinstance(error, click.ClickException):
        error.show()
        return ExitCode.USAGE
    if isinstance(error, click.Abort | KeyboardInterrupt):
        terminal.echo("interrupted; the same command goes on from here", err=True)
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    if debug:
        sys.excepthook = _traced
        raise error
    if isinstance(error, HermesError):
        for finding in error.findings:
            tell(finding, "red", given, err=True)
        return error.exit_code
    terminal.secho("error: internal", fg="red", err=True)
    terminal.echo(f"  {type(error).__name__}: {error}", err=True)
    terminal.secho("  next: run the same command with --debug and report what it prints", bold=True, err=True)
    return ExitCode.FAILED
