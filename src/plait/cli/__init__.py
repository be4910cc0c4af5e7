"""The command line: `plait run MODULE:PIPELINE`, and what one asks before and after it."""

from plait.cli.app import main

__all__ = ["main"]
