"""Text on a stream that may not have all of its characters, as under LANG=C, or none for half a pair of surrogates."""

from typing import TextIO


def write(text: str, stream: TextIO) -> None:
    """Write text; where the encoding of the stream lacks a character, write its escape."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(encodable(text, stream))


def encodable(text: str, stream: TextIO) -> str:
    r"""Return text that a stream can take, with escapes such as `\udcff` for the rest."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)
