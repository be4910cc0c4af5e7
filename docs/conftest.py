"""The examples of these pages run as if a notebook had them: as `__main__`, in a folder of their own, and quietly."""

import doctest
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FENCE = "```\n"


@pytest.fixture(autouse=True)
def _as_in_a_notebook(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, page = ModuleType("__main__"), request.node.dtest  # type: ignore[attr-defined] # all items here are pages
    page.globs = vars(main)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLAIT_STORE", raising=False)
    monkeypatch.setenv("TERM", "dumb")  # no progress, also under `pytest -s`
    for example in page.examples:
        _read(example)


def _read(example: Any) -> None:
    """The end of a block of code is no output, and three dots stand for times and ids."""
    example.want = example.want.removesuffix(FENCE)
    example.exc_msg = example.exc_msg and example.exc_msg.removesuffix(FENCE)
    example.options.setdefault(doctest.ELLIPSIS, True)
