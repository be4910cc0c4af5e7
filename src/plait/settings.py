"""The defaults that a user may set outside the program."""

import os
from pathlib import Path
from typing import Any

from plait.files.urls import is_url

OPTIONS = ("seed", "now", "given", "store", "executor", "workers", "limits", "fail", "listeners", "strict")  # of run


class Default:
    """What stands for an option that was not given."""

    def __repr__(self) -> str:
        return "..."


DEFAULT: Any = Default()


def store() -> str | Path:
    """Where results are kept unless a run says otherwise: `$PLAIT_STORE`, else `.plait` in the working folder."""
    said = os.environ.get("PLAIT_STORE") or ".plait"
    return said if is_url(said) else Path(said).absolute()


def folder() -> Path:
    """Where results are kept on this machine: `$PLAIT_STORE`, if that is a folder, else `.plait`."""
    said = store()
    return Path(".plait").absolute() if isinstance(said, str) else said
