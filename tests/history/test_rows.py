"""Rows of runs come back as they were written; a cache hit takes no more in them than ever."""

import json
from contextlib import closing

import pytest

from plait.history.bulk import joined, split, whole_text
from plait.history.nodes import NodeError, NodeLog, NodeRun, bounded, error_of, log_of
from plait.history.row_lines import dump_run, load_run
from plait.history.rows import RunRow, blobs_of_run, clean_run
from plait.stores.local import create

START = 1_764_552_895.25


def row(*nodes, **more):
    return RunRow("r", "p", START, START + 2, "failed", 7, ("n",), (("x", "1"),), nodes, ("host", 1, 1.0), **more)


def node(name="fit", state="failed", **more):
    return NodeRun(name, "key", state, 0.5, START + 0.125, "host 12 MainThread", **more)


ERROR = NodeError("ValueError", "no rows\nin a.csv", "Traceback ...\nValueError: no rows")
FULL = row(
    NodeRun("a", "k", "hit", 0.1),
    node(attempts=("OSError: busy",), error=ERROR, log=NodeLog("a\n", "", 2, 1, "f" * 64)),
    node("b", "run"),
    NodeRun("c", "", "skipped"),
    error="fit: ValueError: no rows",
    tags=("kept",),
    bulk="e" * 64,
)


def test_a_row_comes_back_as_it_was_written():
    assert load_run(dump_run(FULL)) == FULL
    assert load_run(dump_run(row())) == row()


@pytest.mark.parametrize("text", ["\0", "\x1b[2J", "ключ", "\U0001f600"])
def test_any_text_can_be_recorded(text):
    odd = row(node(text, error=NodeError(text, text, text), log=NodeLog(text, "", len(text), 1), attempts=(text,)))
    assert load_run(dump_run(odd)).nodes[0].error == NodeError(text, text, text)


def test_a_cache_hit_takes_four_fields_and_no_more():
    hits = [NodeRun(f"n{i}", "k" * 64, "hit", 0.5) for i in range(100)]
    before = dump_run(row(*hits))
    assert [len(one) for one in json.loads(before)[8]] == [4] * 100
    assert len(json.loads(before)) == 12  # as earlier versions wrote it
    more = dump_run(row(*hits, node()))
    assert len(more) - len(before) < 250


def test_a_row_that_an_earlier_version_wrote_is_read():
    line = b'["r","p",1.0,2.0,"done",7,["n"],[["x","1"]],[["n","k","hit",0.5]],["h",1,1.0],"",["t"]]'
    assert load_run(line).nodes == (NodeRun("n", "k", "hit", 0.5),)
    assert load_run(line).tags == ("t",)


@pytest.mark.parametrize("details", ["[[9,0.5,0]]", "[[-1,0.5,0]]", "[[0,0.5,9]]", '[[0,"a",0]]', "[[0,0.5,0,[1]]]"])
def test_a_row_that_speaks_of_what_is_not_there_is_none(details):
    before = '["r","p",1.0,2.0,"done",7,[],[],[["n","k","hit",0.5]],["h",1,1.0],"",[],'
    line = f'{before}{details},["w"],""]'
    with pytest.raises(ValueError):
        load_run(line.encode())


def test_long_texts_are_in_a_blob_beside_the_row(tmp_path):
    blobs = create(tmp_path / "s").blobs
    whole = row(
        *[node(f"n{i}", error=error_of("E", "m" * 3000, "t" * 9000), log=log_of("x" * 90_000)) for i in range(20)]
    )
    kept = split(whole, blobs)
    assert len(dump_run(kept)) < 20_000 < len(dump_run(whole))
    assert list(blobs_of_run(kept)) == [kept.bulk]
    assert kept.nodes[3].error.line == whole.nodes[3].error.line
    assert joined(load_run(dump_run(kept)), blobs) == whole


def test_short_texts_are_in_the_row(tmp_path):
    blobs = create(tmp_path / "s").blobs
    assert split(FULL._replace(bulk=""), blobs).bulk == ""


def test_texts_that_are_gone_leave_the_row_as_it_is(tmp_path):
    blobs = create(tmp_path / "s").blobs
    assert joined(FULL, blobs) == FULL
    log = NodeLog("head", "tail", 900, 3, "f" * 64)
    assert whole_text(log, blobs) == log.text == "head\n[... 892 characters are left out here ...]\ntail"


def test_very_many_long_texts_are_cut_shorter(tmp_path, monkeypatch):
    from plait.history import bulk

    monkeypatch.setattr(bulk, "_MOST", 100_000)
    blobs = create(tmp_path / "s").blobs
    whole = row(
        *[node(f"n{i}", error=error_of("E", "m" * 300, "t" * 9000), log=log_of("xy" * 9_000)) for i in range(50)]
    )
    again = joined(split(whole, blobs), blobs)
    assert sum(len(one.error.traceback) + len(one.log.text) for one in again.nodes) < 200_000
    assert all(one.error.traceback.endswith("ttt") and one.log.text.endswith("xy") for one in again.nodes)


def test_the_texts_of_others_cannot_move_the_cursor():
    odd = row(
        node(error=NodeError("E\x1b", "\x1b[2Jm\n", "t\r"), log=NodeLog("\x1b", "\x07", 2, 1), attempts=("\x1b",))
    )
    said = clean_run(odd).nodes[0]
    assert (said.error, said.log[:2], said.attempts) == (("E?", "?[2Jm\n", "t?"), ("?", "?"), ("?",))
    assert said.log.is_whole


def test_long_texts_of_this_machine_are_what_they_were_and_those_of_others_are_cleaned(tmp_path):
    blobs = create(tmp_path / "s").blobs
    coloured = "\x1b[31mred\x1b[0m\r" * 500
    whole = row(node(log=log_of(coloured)))
    kept = split(whole, blobs)
    assert kept.bulk and joined(load_run(dump_run(kept)), blobs) == whole
    theirs = joined(load_run(dump_run(kept))._replace(foreign=True), blobs).nodes[0].log
    assert theirs.text == coloured.replace("\x1b", "?").replace("\r", "?") and theirs.is_whole


def test_the_row_alone_says_where_more_of_a_log_is(tmp_path):
    blobs = create(tmp_path / "s").blobs
    kept = split(row(node(log=NodeLog("x" * 5000, "", 9000, 1, "../../../../etc/hostname"))), blobs)
    honest = kept._replace(nodes=tuple(one._replace(log=one.log._replace(blob="")) for one in kept.nodes))
    assert joined(honest, blobs).nodes[0].log.blob == ""


def test_a_text_without_its_middle():
    assert bounded("x" * 99, 60, 40) == "x" * 99
    assert bounded("a" * 50 + "b" * 50, 10, 0).startswith("a" * 10 + "\n[... 90 characters")
    log = log_of("a" * 20_000 + "\nend")
    assert (log.size, log.lines, log.is_whole, log.text[-4:]) == (20_004, 2, False, "\nend")


def test_a_store_keeps_all_of_it(tmp_path):
    store = create(tmp_path / "s")
    with closing(store.ledger()) as ledger:
        ledger.add_run(FULL)
    with closing(store.ledger()) as ledger:
        assert list(ledger.runs()) == [FULL]
