"""The defaults that a user may set outside the program."""

import os
from pathlib import Path
from typing import Any

OPTIONS = ("seed", "now", "given", "store", "executor", "workers", "limits", "fail", "listeners", "strict")  # of run


class Default:
    """What stands for an option that was not given."""

    def __repr__(self) -> str:
        return "..."


DEFAULT: Any = Default()


def store_path() -> Path:
    """Where results are kept unless a run says otherwise: `$PLAIT_STORE`, else `.plait` in the working folder."""
    return Path(os.environ.get("PLAIT_STORE") or ".plait").absolute()
