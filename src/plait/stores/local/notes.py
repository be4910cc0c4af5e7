"""Small texts beside the blobs, of which nothing depends: one that is gone or damaged only costs time."""

import os
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from plait.errors import StoreError
from plait.stores.local.layout import Layout, create_file, remove


def recall(layout: Layout, about: str) -> str:
    """What was remembered; "" if nothing."""
    place = _place(layout, about)
    try:
        with suppress(OSError):
            os.utime(place)  # for clean-ups, which forget what nobody asks for
        text, _, check = Path(place).read_text("utf-8").rpartition("\n")
    except (OSError, ValueError):
        return ""
    return text if check == _check(about, text) else ""


def remember(layout: Layout, about: str, text: str) -> None:
    """Keeps a text, if it can be kept."""
    place, part = _place(layout, about), layout.temporary()
    try:
        for folder in (layout.tmp, str(Path(place).parent)):
            layout.make(folder)
        with open(create_file(part), "w", encoding="utf-8", newline="\n") as file:
            file.write(f"{text}\n{_check(about, text)}")
        os.replace(part, place)
    except (OSError, StoreError):
        remove(part)


def _place(layout: Layout, about: str) -> str:
    return os.path.join(
        layout.notes, blake3(about.encode("utf-8", "surrogatepass")).hexdigest()
    )  # it may hold a password


def _check(about: str, text: str) -> str:
    return blake3(f"{len(about)} {about}{text}".encode("utf-8", "surrogatepass")).hexdigest()
