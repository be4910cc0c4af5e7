"""Every store passes the kit that is public, so that others can hold theirs to it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plait.stores.local import create
from plait.testing import stores


@pytest.mark.parametrize("check", stores.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_local_store(check: Callable[[stores.Open], None], tmp_path: Path) -> None:
    check(lambda: create(tmp_path / "store"))
