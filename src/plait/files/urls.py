"""What a URL says of itself. None of this opens it."""

import re

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")  # a single letter before "://" would be a drive of Windows


def is_url(path: str) -> bool:
    """Is it a URL, or a chain of them (`simplecache::s3://…`), rather than a path?

    >>> is_url("s3://data/a.csv"), is_url("simplecache::s3://data/a.csv"), is_url("C://data/a.csv"), is_url("a.csv")
    (True, True, False, False)
    """
    return _URL.match(path) is not None


def name_in(url: str) -> str:
    """The last part of its path. Of a chain of URLs, the first that has one says what is read.

    >>> name_in("s3://data/a.csv.gz?versionId=7"), name_in("zip://b.csv::s3://data/x.zip"), name_in("memory://c.csv")
    ('a.csv.gz', 'b.csv', 'c.csv')
    """
    first = next(part for part in url.split("::") if "://" in part)
    return re.split(r"[?#]", first, maxsplit=1)[0].rpartition("/")[2]


def shown(path: str) -> str:
    """A path or URL for people and for the history: without a password, and without a query, which may hold one.

    >>> shown("https://me:secret@host/a.csv?token=secret"), shown("data/a?b.csv")
    ('https://host/a.csv', 'data/a?b.csv')
    """
    return re.sub(r"(://)[^/?#]*@", r"\1", path).partition("?")[0] if is_url(path) else path
