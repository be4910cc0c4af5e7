"""What `plait store` and `plait tag` take: options, arguments and their help."""

import time
from typing import Annotated, Literal

import typer

from plait.cli import upkeep
from plait.cli.telling import told

Store = Annotated[str | None, typer.Option(metavar="FOLDER", help="Where results are kept; $PLAIT_STORE or .plait.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    name="store",
    help="Keep a store small and sound.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def du(
    by: Annotated[Literal["step", "pipeline", "kind", "age"], typer.Option(help="What to put together.")] = "step",
    store: Store = None,
    json: Json = False,
) -> None:
    """Say what results take, and how much of it no clean-up would touch."""
    with told(as_json=json):
        upkeep.usage(by, store, now=time.time(), as_json=json)


@app.command()
def gc(
    age: Annotated[
        str | None, typer.Option(metavar="TIME", help="Take what no run used for so long; 30d if no --size is given.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Take the longest unused until this is left: 500MB, 20GB.")
    ] = None,
    grace: Annotated[str, typer.Option(metavar="TIME", help="Keep what was made or used since, in any case.")] = "24h",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; take nothing.")] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Remove results that nobody used for long; safe while pipelines run."""
    with told(as_json=json):
        upkeep.collect(age, size, grace, store, dry_run=dry_run, as_json=json)


@app.command()
def check(store: Store = None, json: Json = False) -> None:
    """Read every byte, mend what is damaged, and say what was found. Exit code 1 if something was."""
    with told(as_json=json):
        upkeep.check(store, as_json=json)


@app.command()
def rebuild(store: Store = None) -> None:
    """Make the index again from the segments."""
    with told():
        upkeep.rebuild(store)


@app.command()
def doctor(store: Store = None, json: Json = False) -> None:
    """Look at disk, permissions, clocks and leavings; say what to do. Exit code 1 if something is wrong."""
    with told(as_json=json):
        upkeep.doctor(store, as_json=json)


def tag(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", show_default=False)] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False)] = None,
    remove: Annotated[str | None, typer.Option(metavar="NAME", help="Take this name away.")] = None,
    store: Store = None,
) -> None:
    """Name a run (its id, or 'last'), so that no clean-up takes its results; list the names, or take one away."""
    if (run is None) != (name is None) or (run is not None and remove is not None):
        raise typer.BadParameter("give RUN and NAME, or --remove NAME, or nothing to list all names")
    with told():
        upkeep.tag(run, name, remove, store)
