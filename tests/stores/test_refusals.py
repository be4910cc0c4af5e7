"""The system may refuse any call: that is said with its reason, nothing unfinished stays, and the next session works."""

import errno
import os
import random
import shutil
import tempfile
import warnings
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from plait.errors import StoreError
from stores import faults, sessions, straced
from stores.harness import MEMORY, nightly

pytestmark = pytest.mark.law

ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMFILE")


@pytest.fixture
def folder(monkeypatch):
    monkeypatch.setattr(sessions.ledger, "_BATCH", 4)
    monkeypatch.setattr(sessions.recovery, "_AT_ONCE", 3)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def refusing(number, code, *, from_then_on):
    """Refuses a call as the system would."""
    fired, met_before = [], [0]

    def met(_, name, real, arguments):
        if name in ("sqlite", "close"):  # what SQLite itself asks of the system is refused by strace, further down
            return real(*arguments)
        met_before[0] += 1
        if met_before[0] == number or (from_then_on and met_before[0] > number):
            fired.append(name)
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    return faults.Calls(met), fired


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_a_refusal_anywhere_is_said_with_its_reason_and_loses_nothing(folder, name, lasting):
    code, outcomes, every = getattr(errno, name), Counter(), list(sessions.session(folder / "whole"))
    random.seed(f"{name} {lasting}")
    stride = 1 if nightly() else 5
    for number in count(1 + random.randrange(stride), stride):
        root, said = folder / "store", 0
        calls, fired = refusing(number, code, from_then_on=lasting)
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            calls.between(patch)
            try:
                for _ in sessions.session(root):
                    said += not warned  # what comes after is kept for this run only
            except StoreError as error:
                outcomes["said"] += 1
                assert error.__cause__ is None or error.__cause__.errno == code, (number, error)
                assert os.strerror(code) in str(error), (number, error)
            except sessions.Beside:
                outcomes["beside"] += 1
            else:
                outcomes["went on"] += bool(fired)
            assert all("can only be read" in str(one.message) for one in warned)
            outcomes["warned"] += bool(warned)
        if fired:
            outcomes["fired"] += 1
            left = os.listdir(root / "tmp") if (root / "tmp").exists() else []
            ours = {name for name in left if (root / "tmp" / name / "file").exists()}  # that the session asked for
            assert lasting or fired[0] in ("remove", "unlink", "rmdir") or not {*left} - ours, (number, fired, left)
            found = sessions.survivors(root, every, said, blobs=name != "EIO")  # which is how a bad disk reads
            assert not found.lost and not found.wrong, (number, fired, found)
            sessions.works_again(root, leavings=left)
        shutil.rmtree(root)
        if not fired:
            break
    print(f"{name}: {dict(outcomes)}, lost: 0, wrong: 0")
    assert outcomes["said"] > 10
    assert outcomes["fired"] > 20


@pytest.mark.skipif(bool(straced.why_not()), reason=str(straced.why_not()))
@pytest.mark.parametrize("name", ERRORS if nightly() else ERRORS[::2])
def test_a_refusal_by_the_system_itself_reaches_nobody_else(folder, name):
    every, most = list(sessions.session(folder / "whole")), straced.counted(folder / "counted")
    stride = 1 if nightly() else 13
    random.seed(name)
    trials = [
        f"{call}:{number}"
        for call in straced.CALLS
        if call != "close"  # whose refusal says nothing of what was kept
        for number in range(1 + random.randrange(stride), most[call] + 1, stride)
    ]
    outcomes = Counter()
    how = straced.striking(f"error={name}", [call for call in straced.CALLS if call != "close"])
    for trial, code, said, cause in straced.under(how, folder / "left", *trials):
        outcomes[{0: "went on", straced.REFUSED: "said"}.get(code, code)] += 1
        assert code in (0, straced.REFUSED, straced.BESIDE), trial
        lost = name == "EIO" and cause == 255  # a blob that the disk cannot read is a blob that is lost
        assert code != straced.REFUSED or lost or cause == getattr(errno, name), (trial, errno.errorcode.get(cause))
        root = folder / "left" / trial
        found = sessions.survivors(root, every, said, blobs=name != "EIO")
        assert not found.lost and not found.wrong, (trial, found)
        sessions.works_again(root)
        shutil.rmtree(root)
    print(f"{name}: {dict(outcomes)}, lost: 0, wrong: 0")
    assert outcomes["said"] > 3
    assert outcomes["went on"] > 3
