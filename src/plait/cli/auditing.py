"""`plait audit`: what was found goes to stdout, and is the exit code, for whoever has it run on each change."""

import json

from plait.cli.commands import Selection
from plait.cli.telling import Exit, out
from plait.runtime.auditing.report import Audit


def audit(selection: Selection, *, as_json: bool) -> None:
    """Makes nodes again under other conditions; prints what was found."""
    found = selection.pipeline().audit(*selection.targets, **selection.options)
    out(json.dumps(_as_json(found), indent=2) if as_json else found)
    if not found.ok:
        raise Exit(1)


def _as_json(audit: Audit) -> dict[str, object]:
    findings = [{**finding._asdict(), "gaps": [gap._asdict() for gap in finding.gaps]} for finding in audit.findings]
    return {
        "pipeline": audit.pipeline,
        "ok": audit.ok,
        "seconds": round(audit.seconds, 6),
        "audited": audit.audited,
        "compared": audit.compared,
        "findings": findings,
        "left_out": audit.left_out,
    }
