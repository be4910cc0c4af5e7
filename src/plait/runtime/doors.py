"""Which files an audit event names that is not the opening of a file: a database by its URI, a command by its words."""

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

STARTS = frozenset({"os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"})
_SHELLS = frozenset({"bash", "cmd", "cmd.exe", "dash", "sh", "zsh"})
_NAME = re.compile(r"[^\n\r\0]{1,250}")
_NEW = re.compile(r"[^\n\r\0]{1,250}\.[A-Za-z][A-Za-z0-9]{0,7}")  # what names a file that is not there yet
_WORDS = 1000


def database(said: object) -> str | None:
    """The file of a database that `sqlite3` connects to; none for one in memory.

    >>> database("file:/tmp/a%20b.db?mode=ro"), database(":memory:"), database("file:x?mode=memory")
    ('/tmp/a b.db', None, None)
    """
    if not isinstance(said, (str, bytes, os.PathLike)):
        return None
    text = os.fsdecode(said)
    if text in ("", ":memory:"):
        return None
    if text.startswith("file:") and not os.path.exists(text):
        name, _, query = text[len("file:") :].partition("#")[0].partition("?")
        if "mode=memory" in query or name in ("", ":memory:"):
            return None
        text = unquote(re.sub(r"^//[^/]*", "", name))
    return os.path.abspath(text)


def command(event: str, arguments: tuple[Any, ...]) -> tuple[str, list[str]]:
    """The program that is started, and the files that its command line names, whether they are there or not."""
    folder = ""
    if event == "os.system":
        words = _cut(os.fsdecode(arguments[0]))
    else:
        program, given = (arguments[1], arguments[2]) if event == "os.spawn" else arguments[:2]
        if event == "subprocess.Popen" and arguments[2] is not None:
            folder = os.fsdecode(arguments[2])
        listed = [given] if isinstance(given, (str, bytes, os.PathLike)) else list(given)[:_WORDS]
        words = [os.fsdecode(word) for word in listed if isinstance(word, (str, bytes, os.PathLike))]
        if len(words) == 1 and listed[0] is given and os.name == "nt":
            words = _cut(words[0])
        elif os.path.basename(os.fsdecode(program or words[0])) in _SHELLS:
            words = [words[0], *(cut for word in words[1:] for cut in _cut(word))]
    name = os.path.basename(words[0]) if words else "it"
    return name, list(dict.fromkeys(_files(words, folder)))


def _cut(text: str) -> list[str]:
    import shlex

    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)[:_WORDS]
    except ValueError:  # a quote that is left open
        return text.split()[:_WORDS]


def _files(words: list[str], folder: str) -> Iterator[str]:
    for place, word in enumerate(words):
        if place == 0 and os.sep not in word:
            continue  # found by PATH
        for part in {word, word.partition("=")[2], word.lstrip("@")}:
            if part and not part.startswith("-") and "://" not in part and _NAME.fullmatch(part):
                path = os.path.abspath(os.path.join(folder, part))
                if os.path.isfile(path) or (not os.path.lexists(path) and _NEW.fullmatch(part)):
                    yield path
