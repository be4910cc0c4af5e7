"""What each command does, without what parses its arguments. Results go to stdout, all else to stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, NamedTuple

from plait import configuration, upkeep
from plait.cli.loading import loaded
from plait.cli.telling import Exit, failed, out, say
from plait.core.sources import outputs
from plait.errors import NodeFailed, ParameterError, PlaitError
from plait.history.nodes import one_line
from plait.pipeline import Pipeline
from plait.runtime.events import RunEvent
from plait.runtime.listening import Listener
from plait.runtime.plan import why
from plait.runtime.run import Run
from plait.settings import DEFAULT
from plait.show.progress import progress
from plait.show.tally import Tally
from plait.show.values import brief
from plait.yaml12 import plain

_LONGEST = 120  # characters of a field of an event
_SMALL = 256 * 1024  # bytes, up to which a result is read to be printed


class Selection(NamedTuple):
    """A pipeline, and what the command line says of it."""

    where: str
    targets: tuple[str, ...]
    settings: tuple[str, ...]
    configs: tuple[str, ...]
    options: Mapping[str, Any]

    def with_options(self, options: Mapping[str, Any]) -> "Selection":
        """The same with more options; `None` is one that was not given."""
        said = {name: value for name, value in options.items() if value is not None}
        return self._replace(options={**self.options, **said})

    def pipeline(self) -> Pipeline[..., Any]:
        """The pipeline, with its parameters set."""
        found = loaded(self.where).with_config(*self.configs, configuration.from_environment())
        return _set(found, [(name.strip(), text) for name, _, text in (one.partition("=") for one in self.settings)])


def _set(pipeline: Pipeline[..., Any], settings: Sequence[tuple[str, str]]) -> Pipeline[..., Any]:
    """Parameters from text: as YAML reads it; where that does not fit, as it stands (null for a text, or `a: b`)."""
    values = {name: configuration.value(text) for name, text in settings}
    try:
        return _with(pipeline, values)  # all at once: several may be fields of one
    except ParameterError as error:
        first = error
    for name, text in settings:
        try:
            _with(pipeline, {name: values[name]})
        except ParameterError:
            values[name] = text
    try:
        return _with(pipeline, values)
    except ParameterError:
        raise first from None


def _with(pipeline: Pipeline[..., Any], values: Mapping[str, Any]) -> Pipeline[..., Any]:
    return pipeline.with_config(configuration.Layer("--set", values)) if values else pipeline


def limits(said: Sequence[str] | None) -> dict[str, Any] | None:
    """The pools that options name, and how much there is in each: `gpu=2`, `memory=16GiB`."""
    if not said:
        return None
    for one in said:
        if "=" not in one:
            raise ParameterError(f"--limit {one}: write POOL=AMOUNT, such as gpu=2 or memory=16GiB")
    return {name.strip(): plain(configuration.value(text)) for name, _, text in (one.partition("=") for one in said)}


def run(selection: Selection, *, quiet: bool, as_json: bool, verbose: bool = False, tag: str | None = None) -> None:
    """Runs; prints the report and the small results."""
    pipeline, tally = selection.pipeline(), Tally()
    listeners: list[Listener] = [tally, *([say_event] if verbose else [] if quiet else progress(sentence=False))]
    try:
        outcome = pipeline.run(*selection.targets, listeners=listeners, **selection.options)
    except NodeFailed as failure:
        if not isinstance(failure.run, Run):
            raise
        outcome = failure.run
    except KeyboardInterrupt:
        tally.look()
        said = tally.sentence() if tally.pipeline else "plait: stopped"
        say(f"\n{said}" if sys.stderr.isatty() else said)  # below the ^C that the terminal has put there
        raise Exit(130) from None
    tally.look()
    if tag is not None:
        upkeep.tag(outcome.id, tag, store=selection.options.get("store", pipeline._options.get("store", DEFAULT)))
    for one, handled in _failures(outcome):
        where = f"its traceback: plait show {outcome.id} {one.node}"
        say(f"{one_line(str(one))} (handled; {where})" if handled else f"{failed(one)}\n")
    results = _results(pipeline, outcome, selection.targets)
    if as_json:
        out(json.dumps(_as_json(outcome, tally, results), indent=2, default=brief))
    else:
        if not quiet:
            (out if outcome.ok else say)(tally.sentence())
        for name, text in _aligned({name: brief(value) for name, value in results.items()}):
            out(f"{name}{text}")
    if not outcome.ok:
        raise Exit(1)


def say_event(event: RunEvent) -> None:
    """Print an event of a run as a line on stderr."""
    fields = (f"{name}={_short(value)}" for name, value in event._asdict().items())
    say(f"{datetime.now(UTC).astimezone():%H:%M:%S} {type(event).__name__} {' '.join(fields)}")


def _short(value: Any) -> str:
    text = one_line(value if isinstance(value, str) else f"{len(value)}" if isinstance(value, tuple) else repr(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _failures(outcome: Run[Any]) -> list[tuple[NodeFailed, bool]]:
    """What failed; and was it handled, by those who `attempt` it?"""
    found = []
    for name, one in zip(outcome._state.failures, outcome.failures, strict=True):
        failure = NodeFailed(f"{one.where}: {one.kind}: {one.message}", node=one.node, item=one.item)
        failure.__cause__ = one.error
        found.append((failure, name in outcome._state.attempted))
    return found


def _results(pipeline: Pipeline[..., Any], outcome: Run[Any], targets: tuple[str, ...]) -> dict[str, Any]:
    """The values that were asked for, or that nobody reads, as far as they are small."""
    found = {}
    for name in targets or pipeline.graph.sinks():
        if outcome.states.get(name) == "skipped" and outcome.ok:  # no switch chose it
            continue
        try:
            if _size(outcome, name) <= _SMALL:
                found[name] = outcome[name]
        except PlaitError as error:  # it failed, or was not run, which was said
            if outcome.ok:
                say(f"plait: {error}")
    return found


def _size(outcome: Run[Any], name: str) -> int:
    """How many bytes a result is kept in; none, if it is only in memory."""
    artifacts = [outcome._artifact(one) for one in outputs(outcome._plain(outcome._source(name)))]
    return sum(artifact.size + sum(part.size for _, part in artifact.parts) for artifact in artifacts)


def _aligned(results: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and values; what has several lines stands below its name."""
    width = max((len(name) for name, text in results.items() if "\n" not in text), default=0)
    return [
        (f"{name}:\n", "\n".join(f"  {line}" for line in text.splitlines()))
        if "\n" in text
        else (f"{name:<{width}}  ", text)
        for name, text in results.items()
    ]


def _as_json(outcome: Run[Any], tally: Tally, results: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": outcome.id,
        "pipeline": tally.pipeline,
        "status": outcome.status,
        "seconds": round(outcome.seconds, 6),
        "nodes": outcome.states,
        "failures": {one.where: f"{one.kind}: {one.message}" for one in outcome.failures},
        "results": {name: value if _is_plain(value) else brief(value) for name, value in results.items()},
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, str) or (type(value) is float and value - value == 0)


def plan(selection: Selection, *, as_json: bool) -> None:
    """Prints what a run would do."""
    planned = selection.pipeline().plan(*selection.targets, **selection.options)
    if not as_json:
        out(planned)
        return
    nodes = [{"node": one.node, "state": one.state, "why": why(one), "key": one.key} for one in planned]
    out(json.dumps({"pipeline": planned.pipeline, "nodes": nodes}, indent=2))


def explain(selection: Selection, node: str) -> None:
    """Prints why a node would run, or not."""
    out(selection.pipeline().explain(node, **selection.options))


_SUFFIXES = {
    ".svg": "svg", ".html": "html", ".htm": "html", ".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "text", "": "text"
}  # fmt: skip


def graph(where: str, kind: str | None, output: Path | None) -> None:
    """Print a drawing, or write it to a file, whose suffix says of which kind unless `kind` does."""
    from plait.show import drawing

    if kind is None:
        suffix = "" if output is None else output.suffix.lower()
        if suffix not in _SUFFIXES:
            known = ", ".join(one for one in _SUFFIXES if one)
            raise PlaitError(f"graph -o {output}: {suffix} is not one of {known}; or say which kind with --format")
        kind = _SUFFIXES[suffix]
    draw = {"text": drawing.text, "mermaid": drawing.mermaid, "html": drawing.page, "svg": drawing.svg}[kind]
    drawn = draw(loaded(where).graph)
    if output is None:
        out(drawn)
    else:
        output.write_text(f"{drawn}\n", "utf-8")


def version() -> str:
    """The version that is installed."""
    try:
        return f"plait {version_of('plait')}"
    except PackageNotFoundError:
        return "plait, not installed: it runs from its sources"


def schema(where: str) -> None:
    """Prints the JSON Schema of a pipeline's parameters."""
    out(json.dumps(loaded(where).schema, indent=2))
