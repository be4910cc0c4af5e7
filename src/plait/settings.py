"""The defaults that a user may set outside the program."""

import os
from pathlib import Path


def store_path() -> Path:
    """Where results are kept unless a run says otherwise: `$PLAIT_STORE`, else `.plait` in the working folder."""
    return Path(os.environ.get("PLAIT_STORE") or ".plait").absolute()
