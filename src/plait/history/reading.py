"""What a row says, for those who show it: why a run failed, what failed last time, and all of it as JSON."""

import ast
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from plait.history.nodes import NodeLog, NodeRun
from plait.history.rows import RunRow

_SETTLED = frozenset({"run", "hit", "given"})


def failed_nodes(row: RunRow) -> list[NodeRun]:
    """The nodes of a run whose steps raised."""
    return [node for node in row.nodes if node.state == "failed"]


def reason(row: RunRow) -> str:
    """Why a run failed, in a line; "" if it did not, or if nothing is known of it."""
    if row.error:
        return row.error
    said = [f"{node.name}: {node.error.line}" for node in failed_nodes(row) if node.error is not None]
    if not said or row.status == "done":
        return ""
    return said[0] if len(said) == 1 else f"{said[0]} (and {len(said) - 1} more)"


def last_failures(rows: Iterable[RunRow]) -> dict[str, NodeRun]:
    """The nodes that failed when they were last needed; `rows` are runs of one pipeline, the newest first."""
    settled, found = set[str](), dict[str, NodeRun]()
    left = list(rows)
    if not any(node.state == "failed" for row in left for node in row.nodes):
        return {}
    for row in left:
        for node in row.nodes:
            if node.name not in settled and node.state == "failed":
                found.setdefault(node.name, node)
        settled.update(node.name for node in row.nodes if node.state in _SETTLED)
    return found


def run_json(row: RunRow, counts: dict[str, int]) -> dict[str, Any]:
    """A run as JSON, without its nodes."""
    return {
        "run": row.id,
        "pipeline": row.pipeline,
        "started": moment(row.started),
        "status": row.status,
        "seconds": round(max(row.finished - row.started, 0.0), 6) if row.finished else 0.0,
        "seed": row.seed,
        "targets": list(row.targets),
        "params": {address: _param_json(text) for address, text in row.params},
        "counts": counts,
        "error": reason(row),
        "tags": list(row.tags),
    }


def _param_json(text: str) -> Any:
    """Return a parameter as JSON, where JSON has such a value and its text says all of it; else the text.

    >>> [_param_json(text) for text in ("0.5", "[1, 'a']", "Model(x=1)", "(1, 2)", "inf")]
    [0.5, [1, 'a'], 'Model(x=1)', '(1, 2)', 'inf']
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value if repr(value) == text and _is_json(value) else text


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and isfinite(value))


def nodes_json(nodes: Sequence[NodeRun]) -> list[dict[str, Any]]:
    """What became of nodes, as JSON."""
    return [node_json(node) for node in nodes]


def node_json(node: NodeRun) -> dict[str, Any]:
    """What became of a node, as JSON."""
    called = bool(node.started)
    return {
        "node": node.name,
        "state": node.state,
        "key": node.key or None,
        "seconds": node.seconds,
        "started": moment(node.started) if called else None,
        "worker": node.worker or None,
        "attempts": len(node.attempts) + called,
        "retried": list(node.attempts),
        "error": None if node.error is None else node.error._asdict(),
        "log": None if node.log is None else _log_json(node.log),
    }


def _log_json(log: NodeLog) -> dict[str, Any]:
    return {"text": log.text, "characters": log.size, "lines": log.lines, "whole": log.is_whole}


def moment(seconds: float) -> str:
    """A moment as ISO 8601 has it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
