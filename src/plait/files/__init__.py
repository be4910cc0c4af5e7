"""Files and folders as values: what they are to a user, what makes two of them the same, and where one may lie."""

from plait.files.contents import Looks, content_of, looks, opened, read_through
from plait.files.urls import shown
from plait.files.values import Dir, File, attached

__all__ = ["Dir", "File", "Looks", "attached", "content_of", "looks", "opened", "read_through", "shown"]
