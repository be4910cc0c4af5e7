"""Parameters at the door: addresses, types, and what is said of those that are wrong, before any work."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from plait import Dir, File, FingerprintError, GraphError, ParameterError, Pipeline, pipeline, step

ran = []


@step
def rows(csv: File) -> list:
    ran.append("rows")
    return Path(csv).read_text().split()


@step
def spend(rows: list, window: int = 28) -> int:
    return window


@step
def visits(rows: list, window: int = 7) -> int:
    return window


@step
def recent(rows: list, days: int = 3) -> int:
    return days


@step
def old(rows: list, days: int = 3, since: date = date(2020, 1, 1)) -> int:
    return days * 100


PIPE = Pipeline("pipe", [rows, spend, visits, recent, old])


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a b")
    return path


def run(*targets, **params):
    ran.clear()
    return PIPE.run(*targets, store=None, **params)


def test_a_parameter_is_set_by_its_address(csv):
    assert run(csv=csv, **{"spend.window": 5})["spend"] == 5


def test_a_short_name_sets_all_whose_defaults_are_equal(csv):
    result = run(csv=csv, days=1)
    assert (result["recent"], result["old"]) == (1, 100)


def test_an_address_goes_before_a_short_name(csv):
    result = run(csv=csv, days=1, **{"old.days": 2})
    assert (result["recent"], result["old"]) == (1, 200)


def test_a_short_name_with_several_defaults_is_refused_and_the_addresses_are_said(csv):
    with pytest.raises(
        ParameterError, match=r"window has several defaults: spend 28, visits 7\. Set spend\.window or visits\.window"
    ):
        run(csv=csv, window=3)


def test_an_unknown_parameter_names_the_near_miss(csv):
    with pytest.raises(ParameterError, match=r"pipe has no parameter 'dayz'\. Did you mean 'days'\?"):
        run(csv=csv, dayz=3)


def test_a_node_given_as_a_parameter_says_given(csv):
    with pytest.raises(ParameterError, match=r"'spend' is a node of pipe, not a parameter; to give its value: given="):
        run(csv=csv, spend=3)


def test_a_missing_parameter_is_named_with_who_reads_it():
    with pytest.raises(
        ParameterError, match=r"nothing makes 'csv': File for rows\(csv\), and no value is given\. Pass csv=\.\.\."
    ):
        run()
    assert ran == []


def test_a_missing_file_is_found_before_any_work(tmp_path):
    with pytest.raises(ParameterError, match=r"csv: there is no file .*none\.csv"):
        run(csv=tmp_path / "none.csv")
    assert ran == []


def test_a_folder_is_no_file_and_a_number_no_path(tmp_path):
    with pytest.raises(ParameterError, match="there is no file"):
        run(csv=tmp_path)
    with pytest.raises(ParameterError, match="a int is given, and the path of a File is wanted"):
        run(csv=3)


def test_text_is_converted_as_pydantic_does(csv):
    assert run(csv=str(csv), days="2")["recent"] == 2
    assert run("old", csv=csv, since="2021-05-06")["old"] == 300


@pytest.mark.parametrize("value", ["three", 2.5, None, [1]])
def test_a_value_of_another_type_is_refused_with_both(csv, value):
    with pytest.raises(ParameterError, match=r"(recent|old)\.days = .* does not fit int"):
        run(csv=csv, days=value)


def test_a_parameter_is_required_only_if_a_needed_node_reads_it():
    assert run("spend", given={"rows": []})["spend"] == 28


def test_frames_and_arrays_are_checked_by_their_class():
    @step
    def size(frame: pd.DataFrame, array: np.ndarray) -> int:
        return len(frame) + len(array)

    sized = Pipeline("sized", [size])
    assert sized.run(frame=pd.DataFrame({"a": [1]}), array=np.ones(2), store=None)["size"] == 3
    with pytest.raises(ParameterError, match="frame = .* does not fit DataFrame"):
        sized.run(frame=[1], array=np.ones(2), store=None)


def test_a_model_of_pydantic_is_checked_and_made():
    class Config(BaseModel):
        depth: int = 3

    @step
    def fit(config: Config) -> int:
        return config.depth

    assert Pipeline("p", [fit]).run(config={"depth": 5}, store=None)["fit"] == 5
    with pytest.raises(ParameterError, match="config = .* does not fit Config: depth"):
        Pipeline("p", [fit]).run(config={"depth": "deep"}, store=None)


def test_an_option_that_is_also_a_parameter_is_not_eaten():
    @step
    def stock(store: str) -> str:
        return store

    shop = Pipeline("shop", [stock])
    with pytest.raises(
        ParameterError,
        match=r"run\(store='Berlin'\): 'store' is an option of run and a parameter of stock\(\)\. Fix the parameter first: shop\.with_\(store='Berlin'\)\.run\(\)",
    ):
        shop.run(store="Berlin")
    assert shop.with_(store="Berlin").run(store=None)["stock"] == "Berlin"


def test_with_checks_at_once_and_leaves_the_pipeline_as_it_was(csv):
    fixed = PIPE.with_({"spend.window": "9"}, csv=csv)
    assert fixed.parameters["spend.window"] == 9 and PIPE.parameters["spend.window"] == 28
    with pytest.raises(ParameterError, match="does not fit int"):
        PIPE.with_({"spend.window": "x"})


def test_with_takes_a_model_or_a_dataclass(csv):
    class Settings(BaseModel):
        days: int = 8

    assert PIPE.with_(Settings()).run("recent", csv=csv, store=None)["recent"] == 8


def test_constants_of_steps_are_checked_when_the_pipeline_is_built():
    with pytest.raises(ParameterError, match=r"recent\.days = 'x' does not fit int"):
        Pipeline("p", [rows, recent.with_(days="x")])
    assert Pipeline("p", [rows, recent.with_(days="4")]).run(given={"rows": []}, store=None)["recent"] == 4


def test_a_parameter_that_cannot_be_named_is_refused_with_the_way_out(tmp_path):
    import threading

    @step
    def use(conn) -> int:
        return 1

    with pytest.raises(FingerprintError, match=r"conn .*ignore=\[\"conn\"\]"):
        Pipeline("p", [use]).run(conn={"lock": threading.Lock()}, store=tmp_path)


def test_an_ignored_parameter_may_be_anything_and_does_not_count(tmp_path):
    import threading

    @step(ignore=["conn"])
    def use(conn) -> int:
        return 1

    p = Pipeline("p", [use])
    p.run(conn=threading.Lock(), store=tmp_path)
    assert p.run(conn=threading.Lock(), store=tmp_path).states == {"use": "hit"}


def test_given_names_must_be_nodes(csv):
    with pytest.raises(GraphError, match=r"given: pipe has no node 'row'\. Did you mean 'rows'\?"):
        run(given={"row": []})
    with pytest.raises(GraphError, match="it is a parameter: pass days="):
        run(csv=csv, given={"days": 3})


@pytest.mark.parametrize(
    "option, said",
    [
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"fail": "slow"}, "'fast' or 'keep-going'"),
        ({"workers": 0}, "at least 1"),
        ({"executor": "sequentail"}, "Did you mean 'sequential'"),
        ({"executor": 5}, r"a pool that has submit\(\)"),
        ({"limits": {"gpu": "many"}}, "limits.*gpu"),
        ({"now": "today"}, "datetime with a time zone"),
    ],
)
def test_a_wrong_option_is_refused(csv, option, said):
    from plait import PlaitError

    with pytest.raises(PlaitError, match=said):
        run(csv=csv, **option)
    assert ran == []


def test_an_unknown_target_names_the_near_miss(csv):
    with pytest.raises(GraphError, match=r"pipe has no node 'spent'\. Did you mean 'spend'\?"):
        run("spent", csv=csv)


def test_a_dir_is_the_names_and_contents_of_its_files(tmp_path):
    @step
    def names(folder: Dir) -> list[str]:
        return sorted(folder.files())

    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "a.txt").write_text("a")
    p = Pipeline("p", [names])
    assert p.run(folder=tmp_path / "in", store=tmp_path / "s")["names"] == ["sub/a.txt"]
    (tmp_path / "in").rename(tmp_path / "moved")
    assert p.run(folder=tmp_path / "moved", store=tmp_path / "s").states == {"names": "hit"}
    (tmp_path / "moved" / "sub" / "a.txt").write_text("b")
    assert p.run(folder=tmp_path / "moved", store=tmp_path / "s").states == {"names": "run"}


def test_a_file_counts_by_content_and_suffix(tmp_path):
    @step
    def rows(csv: File) -> list:
        return Path(csv).read_text().split()

    store, p = tmp_path / "s", Pipeline("p", [rows])
    a, b, c = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "a.tsv"
    for path in (a, b, c):
        path.write_text("x y")
    assert p.run(csv=a, store=store).states == {"rows": "run"}
    assert p.run(csv=b, store=store).states == {"rows": "hit"}
    assert p.run(csv=c, store=store).states == {"rows": "run"}
    b.write_text("x z")
    assert p.run(csv=b, store=store).states == {"rows": "run"}


def test_configuration_files_set_parameters_and_options(tmp_path, csv):
    (tmp_path / "base.yaml").write_text(
        f"params:\n  csv: {csv}\n  spend: {{window: 56}}\n  old.days: 4\nrun: {{store: null}}\n"
    )
    (tmp_path / "more.yaml").write_text("params:\n  spend:\n    window: 57\n")
    configured = PIPE.with_config(tmp_path / "base.yaml", tmp_path / "more.yaml")
    result = configured.run()
    assert (result["spend"], result["visits"], result["old"], result["recent"]) == (57, 7, 400, 3)


@pytest.mark.parametrize(
    "text, said",
    [
        ("parms: {}", "neither 'params' nor 'run'. Did you mean 'params'"),
        ("params: {dayz: 3}", "Did you mean 'days'"),
        ("run: {stroe: x}", "'stroe' is no option of run. Did you mean 'store'"),
        ("params: {a: &x 1, b: *x}", "aliases"),
        ("params: {days: 1, days: 2}", "there twice"),
        ("params: !!python/object:os.system {}", "not YAML that is taken here"),
        ("params: [", "not YAML"),
        ("- a", "two sections"),
    ],
)
def test_a_wrong_configuration_file_is_refused_with_its_name(tmp_path, text, said):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=said):
        PIPE.with_config(path)


def test_a_configuration_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"none\.yaml cannot be read"):
        PIPE.with_config(tmp_path / "none.yaml")


class Tables(BaseModel):
    table: File
    maybe: File | None = None
    folders: dict[str, Dir] = {}


@pytest.mark.parametrize(
    "hint, value, made",
    [
        (File | None, "a.csv", lambda a: a),
        (File | None, None, lambda a: None),
        (list[File], ["a.csv"], lambda a: [a]),
        (dict[str, File], {"k": "a.csv"}, lambda a: {"k": a}),
        (tuple[File, ...], ["a.csv", "a.csv"], lambda a: (a, a)),
        (File | str, "a.csv", lambda a: "a.csv"),
        (str | File, "gone.csv", lambda a: "gone.csv"),
        (Tables, {"table": "a.csv", "folders": {"k": "."}}, lambda a: Tables(table=a, folders={"k": Dir(".")})),
    ],
)
def test_paths_are_files_wherever_a_type_has_files(tmp_path, monkeypatch, hint, value, made):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("x\n1\n")

    def kept(x):
        return 1

    kept.__annotations__ = {"x": hint}
    p = Pipeline("p", [step(kept)])
    assert p.with_(x=value).parameters["x"] == made(File("a.csv"))


@pytest.mark.parametrize(
    "hint, value, said",
    [
        (File | None, "gone.csv", r"x: there is no file .*gone\.csv"),
        (list[Dir], ["a.csv"], r"x: there is no folder .*a\.csv"),
        (list[File], [3], r"a int is given, and the path of a File is wanted"),
        (Dir | None, "s3://bucket/x", r"a Dir is a folder of this machine"),
        (Tables, {"table": "a.csv", "maybe": "gone.csv"}, r"x: there is no file .*gone\.csv"),
    ],
)
def test_a_missing_file_within_a_parameter_is_found_before_any_work(tmp_path, monkeypatch, hint, value, said):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("x\n1\n")

    def kept(x):
        raise AssertionError("it ran")

    kept.__annotations__ = {"x": hint}
    with pytest.raises(ParameterError, match=said):
        Pipeline("p", [step(kept)]).run(x=value, store=None)


def test_a_field_is_set_by_the_short_name_of_its_parameter():
    @dataclass
    class Config:
        depth: int = 3
        rate: float = 0.5

    @step
    def tree(cfg: Config = Config()) -> int:  # noqa: B008
        return cfg.depth

    made = Pipeline("p", [tree]).with_({"cfg.depth": 5})
    assert made.parameters["tree.cfg"] == Config(5, 0.5)
    assert Pipeline("p", [tree]).run(store=None, listeners=[], **{"cfg.depth": 7}).result == 7
    assert made.with_({"cfg": Config(1, 0.1), "cfg.rate": 0.25}).parameters["tree.cfg"] == Config(1, 0.25)


def test_a_parameter_that_namespaces_share_says_how_one_of_them_gets_its_own():
    @step
    def fit(features: list[str], depth: int = 3) -> list[str]:
        return features

    @pipeline
    def model(features: list[str]) -> list[str]:
        return fit(features)

    both = [model.named("active"), model.named("passive")]
    said = r"'active[./]features' cannot be set by itself: .* active shares it with passive.*active\.bind\(features='active_features'\)"
    for given in ({"active.features": ["a"]}, {"active": {"features": ["a"]}}, {"active/features": ["a"]}):
        with pytest.raises(ParameterError, match=said):
            Pipeline("p", both).with_(given)
    way_out = Pipeline("p", [both[0].bind(features="active_features"), both[1]])
    run = way_out.run(active_features=["a"], features=["b"], store=None, listeners=[])
    assert (run["active"], run["passive"]) == (["a"], ["b"])
    with pytest.raises(
        ParameterError, match="is the parameter 'features' of p, since it has no default; set 'features'"
    ):
        Pipeline("p", [both[0]]).with_({"active": {"features": ["a"]}})
