"""What the command line takes: options, arguments and their help. What is done with them is in `commands.py`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from plait.cli import accepting, auditing, commands, history, keys, reproducing
from plait.cli import store as store_commands
from plait.cli.commands import Selection
from plait.cli.telling import Exit, command_is_all, out, told

app = typer.Typer(
    name="plait",
    help="Typed functions become a graph; the graph runs anywhere, and does no work twice.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(store_commands.app)

Where = Annotated[
    str, typer.Argument(metavar="MODULE:PIPELINE", help="A module or .py file; and which pipeline, if it has several.")
]
Targets = Annotated[list[str] | None, typer.Option("--target", "-t", metavar="NODE", help="Only what this node needs.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="PARAMETER=VALUE", help="The value of a parameter.")
]
Configs = Annotated[list[str] | None, typer.Option("--config", metavar="FILE", help="YAML: params: and run:.")]
Seed = Annotated[int | None, typer.Option(min=0, help="From it the seeds of nodes are derived.")]
Store = Annotated[
    str | None, typer.Option(metavar="FOLDER|URL", help="Where results are kept; $PLAIT_STORE or .plait.")
]
NoStore = Annotated[bool, typer.Option("--no-store", help="Keep nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def _plait(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        out(commands.version())
        raise typer.Exit


@app.command()
def run(
    pipeline: Where,
    target: Targets = None,
    set_: Settings = None,
    config: Configs = None,
    seed: Seed = None,
    store: Store = None,
    no_store: NoStore = False,
    executor: Annotated[str | None, typer.Option(help="sequential, threads or processes.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many nodes at once.")] = None,
    limit: Annotated[
        list[str] | None, typer.Option("--limit", metavar="POOL=AMOUNT", help="How much there is of what steps take.")
    ] = None,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Run whatever can be run, after a failure.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no report: results only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line on stderr for each event.")] = False,
    tag: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name the run, so that no clean-up takes its results.")
    ] = None,
    json: Json = False,
) -> None:
    """Make what is not known yet."""
    if quiet and verbose:
        raise typer.BadParameter("give --quiet or --verbose, not both")
    if tag is not None and no_store:
        raise typer.BadParameter("--tag names a run in a store; leave out --no-store")
    selection = _selection(pipeline, target, set_, config, seed, store, no_store)
    how: dict[str, Any] = {"executor": executor, "workers": workers, "fail": "keep-going" if keep_going else None}
    with told(as_json=json):
        how["limits"] = commands.limits(limit)
        commands.run(selection.with_options(how), quiet=quiet, verbose=verbose, tag=tag, as_json=json)


@app.command()
def plan(
    pipeline: Where,
    target: Targets = None,
    set_: Settings = None,
    config: Configs = None,
    seed: Seed = None,
    store: Store = None,
    no_store: NoStore = False,
    json: Json = False,
) -> None:
    """Say what a run would do, and why; run nothing."""
    selection = _selection(pipeline, target, set_, config, seed, store, no_store)
    with told(as_json=json):
        commands.plan(selection, as_json=json)


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="MODULE:PIPELINE|RUN", help="A pipeline, a run by its id, or 'last'.")],
    node: Annotated[str, typer.Argument(metavar="NODE")],
    set_: Settings = None,
    config: Configs = None,
    seed: Seed = None,
    store: Store = None,
) -> None:
    """Say why a node would run, or ran then: down to the changed values and lines of the code that it reaches."""
    if history.is_run(what):
        if set_ or config or seed is not None:
            raise typer.BadParameter(f"{what} is a run, which has its parameters; leave out --set, --config and --seed")
        with told():
            history.explain(what, node, store)
        return
    selection = _selection(what, None, set_, config, seed, store, no_store=False)
    with told():
        commands.explain(selection, node)


@app.command()
def accept(
    pipeline: Annotated[str | None, typer.Argument(metavar="[MODULE:PIPELINE]", show_default=False)] = None,
    nodes: Annotated[list[str] | None, typer.Argument(metavar="[NODE]...", show_default=False)] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why it changes no result; kept in the log.")] = "",
    set_: Settings = None,
    config: Configs = None,
    seed: Seed = None,
    store: Store = None,
    list_: Annotated[bool, typer.Option("--list", help="Print all that was accepted.")] = False,
    undo: Annotated[str | None, typer.Option(metavar="ID", help="Take back what was accepted under this id.")] = None,
) -> None:
    """Vouch that a change of code changes no result of a node; or list what was accepted, or take it back."""
    if (pipeline is not None) + list_ + (undo is not None) != 1:
        raise typer.BadParameter("give MODULE:PIPELINE and NODE, or --list, or --undo ID")
    if pipeline is not None and not nodes:
        raise typer.BadParameter("say which NODE; the same code may serve several, and each is vouched for")
    with told():
        if list_:
            accepting.listed(store)
        elif undo is not None:
            accepting.undo(undo, store)
        elif pipeline is not None:
            accepting.accept(_selection(pipeline, nodes, set_, config, seed, store, no_store=False), note)


@app.command()
def audit(
    pipeline: Where,
    target: Targets = None,
    set_: Settings = None,
    config: Configs = None,
    seed: Seed = None,
    store: Store = None,
    no_store: NoStore = False,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many nodes of each step are made again; 3.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Make all of them again.")] = False,
    json: Json = False,
) -> None:
    """Make nodes again under other conditions: which steps do not always give the same, or read what is not declared?

    The exit code is 1 if anything was found. Steps that may cost money are left out, unless they are named.
    """
    selection = _selection(pipeline, target, set_, config, seed, store, no_store)
    if all_ and sample is not None:
        raise typer.BadParameter("give --sample or --all, not both")
    few = selection.with_options({"sample": sample})
    with told(as_json=json):
        auditing.audit(few._replace(options={**few.options, "sample": None}) if all_ else few, as_json=json)


@app.command("keys")
def keys_(new: Annotated[bool, typer.Option("--new", help="Make one, to sign with from now on.")] = False) -> None:
    """List the keys with which shared results are signed, or make one."""
    with told():
        keys.new() if new else keys.listed()


@app.command()
def graph(
    pipeline: Where,
    format_: Annotated[Literal["text", "mermaid", "html", "svg"] | None, typer.Option("--format", "-f")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE")] = None,
) -> None:
    """Draw a pipeline."""
    with told():
        commands.graph(pipeline, format_, output)


@app.command()
def schema(pipeline: Where) -> None:
    """Print what parameters a pipeline has, as JSON Schema."""
    with told():
        commands.schema(pipeline)


@app.command()
def runs(
    pipeline: Annotated[str | None, typer.Argument(metavar="[MODULE:PIPELINE]", show_default=False)] = None,
    store: Store = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    json: Json = False,
) -> None:
    """List earlier runs, newest first."""
    with told(as_json=json):
        history.runs(pipeline, store, limit, as_json=json)


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="RUN|MODULE:PIPELINE", help="A run by its id, 'last', or a pipeline.")],
    node: Annotated[str | None, typer.Argument(metavar="[NODE]", show_default=False)] = None,
    store: Store = None,
    log: Annotated[bool, typer.Option("--log", help="What the node printed and logged.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed in the run, and why.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the value; the suffix says how.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what became of a run, the value of a node, or what a node printed."""
    with told(as_json=json):
        history.show(what, node, store, log=log, failed=failed, as_json=json, output=output)


@app.command()
def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run by its id, or 'last'.")],
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node that failed in it.")],
    store: Store = None,
    pdb: Annotated[bool, typer.Option("--pdb", help="Open the debugger where it raises.")] = False,
) -> None:
    """Call a failed node again, with the same inputs and the same seed; in this process, and keep nothing."""
    with told():
        reproducing.reproduce(run, node, store, debug=pdb)


app.command()(store_commands.tag)


def _selection(
    pipeline: str,
    targets: list[str] | None,
    settings: list[str] | None,
    configs: list[str] | None,
    seed: int | None,
    store: str | None,
    no_store: bool,
) -> Selection:
    if no_store and store is not None:
        raise typer.BadParameter("give --store or --no-store, not both")
    for setting in settings or ():
        if "=" not in setting:
            raise typer.BadParameter(f"--set {setting}: write PARAMETER=VALUE")
    made = Selection(pipeline, tuple(targets or ()), tuple(settings or ()), tuple(configs or ()), {})
    kept = made.with_options({"seed": seed, "store": store})
    return kept._replace(options={**kept.options, "store": None}) if no_store else kept


def main() -> None:
    """The entry point."""
    command_is_all()
    asked = os.environ.get("_PLAIT_COMPLETE", "")
    shell, _, verb = asked.partition("_")
    if verb in ("source", "complete"):  # `bash_source`, as the documentation of click says it; typer says `source_bash`
        os.environ["_PLAIT_COMPLETE"] = f"{verb}_{shell}"
    try:
        app(prog_name="plait")
    except Exit as end:
        sys.exit(end.code)
