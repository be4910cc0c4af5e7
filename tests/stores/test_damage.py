"""Any bit of any file may change: what is read is what was kept, or it is a miss and made again."""

import os
import random
import shutil
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import pytest

from plait.errors import StoreError
from plait.stores.local import blobs, create, fingerprints, segments
from stores import sessions
from stores.harness import MEMORY, nightly, tries

pytestmark = pytest.mark.law

PAGE = 4096


@pytest.fixture(scope="module")
def whole():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        store = Path(folder, "store")
        every = list(sessions.session(store))
        shutil.rmtree(store / "quarantine")
        yield store, every


@pytest.fixture
def copy(whole):
    """The store, to be damaged: made anew for each use."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(is damaged at byte|another version of plait)")
        yield Path(folder, "store")


def files(root):
    """The files of a store: their kind and their path below it. Links are names of blobs, and go with them."""
    return [
        (path.relative_to(root).parts[0], path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.stat().st_size
        and path.relative_to(root).parts[0] not in ("links", ".gitignore", "pins", "index.lock")
    ]


def positions(kind, size):
    """Where to flip a bit: anywhere in the index, which holds the most of what is read."""
    if nightly():
        return range(size) if size < 60_000 else random.sample(range(size), 5_000)
    return random.sample(range(size), min(size, 150 if kind == "index.sqlite" else 30))


def seen_after(root, every, outcomes):
    """Opens a store with damage in it: nothing may be wrong, and all can be made again."""
    blobs._verified.clear()
    fingerprints.fingerprints.cache_clear()
    segments._warned.clear()
    try:
        found = sessions.survivors(root, every, len(every), blobs=False)
    except StoreError as error:  # it does not say what kind of store it is any more
        assert "FORMAT" in str(error) or "later plait" in str(error)
        outcomes["refused"] += 1
        return
    assert not found.wrong, found.wrong
    outcomes["missed" if found.lost else "found all"] += 1
    store = create(root)
    for content in sessions.BLOBS.values():
        blob, _ = store.blobs.put(lambda file, content=content: file.write(content))
        assert store.blobs.path(blob).read_bytes() == content
    aside = len(list(Path(root, "quarantine").glob("*")))
    outcomes["put aside"] += aside
    assert store.blobs.recall("where") in ("there", "")


def damaged(whole, copy, path, change, outcomes):
    root, every = whole
    shutil.copytree(root, copy)
    looks, content = (copy / path).stat(), bytearray((copy / path).read_bytes())
    before = bytes(content)
    change(content)
    (copy / path).write_bytes(content)
    os.utime(copy / path, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    outcomes["damaged"] += bytes(content) != before
    seen_after(copy, every, outcomes)
    shutil.rmtree(copy)


def test_a_flipped_bit_in_any_file_never_gives_another_value(whole, copy):
    random.seed(23)
    outcomes = {kind: Counter() for kind, _ in files(whole[0])}
    for _ in range(tries(1, 8)):
        for kind, path in files(whole[0]):
            size = (whole[0] / path).stat().st_size
            for position in positions(kind, size):
                bit = 1 << random.randrange(8)
                damaged(whole, copy, path, lambda c, p=position, b=bit: c.__setitem__(p, c[p] ^ b), outcomes[kind])
    for kind, counted in outcomes.items():
        print(f"flips in {kind}: {dict(counted)}, wrong: 0")
    assert outcomes["blobs"]["put aside"] == outcomes["blobs"]["damaged"] > 0
    assert outcomes.keys() >= {"FORMAT", "blobs", "index.sqlite", "notes", "segments"}
    assert outcomes["segments"]["missed"] == 0, "the index had it still"
    assert all(counted["damaged"] for counted in outcomes.values())


def test_a_flipped_bit_in_a_segment_costs_one_entry_where_there_is_no_index(whole, copy):
    random.seed(31)
    root, every = whole
    lost = Counter()
    for _, path in [file for file in files(root) if file[0] == "segments"]:
        content = (root / path).read_bytes()
        for position in range(len(content)) if nightly() else random.sample(range(16, len(content)), 60):
            shutil.copytree(root, copy, ignore=shutil.ignore_patterns("index.sqlite*"))
            (copy / path).write_bytes(
                content[:position] + bytes([content[position] ^ 1 << position % 8]) + content[position + 1 :]
            )
            segments._warned.clear()
            found = sessions.survivors(copy, every, len(every))
            assert not found.wrong
            lost[len(found.lost)] += 1
            shutil.rmtree(copy)
    print(f"flips in segments: {sum(lost.values())}, by what they cost: {dict(lost)}, wrong: 0")
    assert lost.keys() <= {0, 1}
    assert lost[1] > lost[0]


def test_a_file_cut_off_at_any_length_never_gives_another_value(whole, copy):
    random.seed(29)
    outcomes = Counter()
    for _, path in files(whole[0]):
        size = (whole[0] / path).stat().st_size
        for length in range(size) if nightly() and size < 60_000 else {0, *random.sample(range(size), min(size, 9))}:
            damaged(whole, copy, path, lambda c, n=length: c.__delitem__(slice(n, None)), outcomes)
    print(f"cut off: {dict(outcomes)}, wrong: 0")
    assert outcomes["damaged"] > 50


def test_a_page_of_zeros_anywhere_never_gives_another_value(whole, copy):
    outcomes = Counter()
    for kind, path in files(whole[0]):
        size = (whole[0] / path).stat().st_size
        for start in range(0, size, PAGE * (1 if kind != "blobs" or nightly() else 8)):
            zeros = bytes(min(PAGE, size - start))
            damaged(whole, copy, path, lambda c, s=start, z=zeros: c.__setitem__(slice(s, s + len(z)), z), outcomes)
    print(f"pages of zeros: {dict(outcomes)}, wrong: 0")
    assert outcomes["damaged"] > 20


def test_files_that_changed_places_never_give_another_value(whole, copy):
    outcomes = Counter()
    listed = [(kind, path) for kind, path in files(whole[0]) if kind in ("blobs", "segments", "notes")]
    for kind, one in listed:
        for other_kind, other in listed:
            if one < other and (kind == other_kind or nightly()):
                content = (whole[0] / other).read_bytes()
                damaged(whole, copy, one, lambda c, new=content: c.__setitem__(slice(None), new), outcomes)
    print(f"swapped: {dict(outcomes)}, wrong: 0")
    assert outcomes["damaged"] >= 6


def test_an_index_that_is_made_again_says_what_it_said(whole, copy):
    root, every = whole
    shutil.copytree(root, copy)
    os.remove(copy / "index.sqlite")
    assert sessions.survivors(copy, every, len(every)) == ([], [], 0)
