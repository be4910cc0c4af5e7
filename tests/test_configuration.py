"""Configuration: files, the environment, fields of models; the loader's bounds; options are checked; nothing secret is said."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from plait import GraphError, ParameterError, Pipeline, Secret, pipeline, step
from plait.configuration import parsed


class Inner(BaseModel):
    rounds: int = 1


class Config(BaseModel):
    depth: int
    rate: float = 0.1
    inner: Inner = Inner()
    key: Secret | None = None


@step
def fit(n: int, depth: int = 3, rounds: int = 1) -> int:
    return n * depth * rounds


@pipeline
def modelled(n: int, config: Config) -> int:
    return fit(n, config.depth, config.inner.rounds)


@pytest.fixture
def write(tmp_path):
    def one(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return one


def test_one_model_is_configured_by_overlays_and_by_its_fields(write):
    base = write("base.yaml", "params: {n: 3, config: {depth: 2}}\nrun: {store: null}")
    prod = write("prod.yaml", "params: {config: {inner: {rounds: 5}}}")
    configured = modelled.with_config(base, prod)
    assert configured.parameters["config"] == Config(depth=2, inner=Inner(rounds=5))
    assert configured.run(listeners=[]).result == 30
    assert configured.with_({"config.depth": 1}).run(listeners=[]).result == 15
    assert configured.run(listeners=[], **{"config.inner.rounds": 1}).result == 6
    swept = configured.sweep([{"config.depth": d} for d in (1, 2)], listeners=[])
    assert [run.result for run in swept] == [15, 30]


def test_a_dataclass_has_fields_too():
    @dataclass
    class Options:
        depth: int = 4
        rate: float = 0.5

    @pipeline
    def p(n: int, options: Options = Options()) -> int:  # noqa: B008 - a frozen default of the pipeline
        return fit(n, options.depth)

    assert p.with_({"options.rate": 0.25}, n=2).parameters["options"] == Options(4, 0.25)


@pytest.mark.parametrize(
    "said, error",
    [
        ({"config.dpth": 1}, r"config: Config has no field 'dpth'\. Did you mean 'depth'\?"),
        ({"config": {"depth": 1, "inner": {"runds": 1}}}, r"config\.inner: Inner has no field 'runds'\. Did you mean 'rounds'\?"),
        ({"confg.depth": 1}, r"no parameter 'confg\.depth'\. Did you mean 'config\.depth'\?"),
        ({"config.depth": "x"}, r"depth: Input should be a valid integer"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_there_is_refused_with_the_near_miss(said, error):
    with pytest.raises(ParameterError, match=error):
        modelled.with_(said)


@pytest.mark.parametrize(
    "text, said",
    [
        ("params: {m: 1}", r"top\.yaml: modelled has no parameter 'm'"),
        ("params: {n: x}", r"top\.yaml, line 1: n = 'x' does not fit int"),
        ("run: {stroe: x}", r"top\.yaml, line 1: run: 'stroe' is no option of run\. Did you mean 'store'\?"),
        (
            "run: {workers: many}",
            r"top\.yaml, line 1: run: workers: 'many' does not fit; give a whole number, at least 1",
        ),
        ("run: {workers: true}", r"workers: True does not fit"),
        ("run: {seed: -1}", r"seed: -1 does not fit"),
        (
            "run: {store: 3}",
            r"store: 3 does not fit; give a folder or a URL, or null to keep nothing; put it in quotes if it is one",
        ),
        ("run: {strict: maybe}", r"strict: 'maybe' does not fit; give true or false"),
        ("run: {fail: slow}", r"fail: 'slow' does not fit; give fast or keep-going"),
        ("run: {limits: {gpu: x}}", r"run: limits: gpu='x'"),
        ("run: {limits: 3}", r"run: limits=3: give pools by name"),
        ("run: {now: 2026-01-01}", r"now: .* does not fit; give a time with its zone"),
        ("run: {listeners: []}", r"listeners are functions, which no file can hold"),
        ("run: {executor: null}", r"executor: None does not fit"),
        ("run: {given: [a]}", r"given: \['a'\] does not fit"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name_and_what_to_write(write, text, said):
    base = write("base.yaml", "params: {n: 1, config: {depth: 1}}")
    with pytest.raises(ParameterError, match=said):
        modelled.with_config(base, write("top.yaml", text))


def test_options_that_fit_hold_for_runs(write):
    path = write(
        "c.yaml", "params: {n: 1}\nrun: {store: null, executor: threads, workers: 2, now: 2026-11-16T02:00:00Z}"
    )
    assert Pipeline("p", [fit]).with_config(path).run(listeners=[]).result == 3


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: &a [1, 1]\nb: &b [*a, *a]\nparams: {n: [*b, *b]}", "aliases"),  # a billion laughs
        ("params: {n: [" + "1," * 20_000 + "]}", "more than 10000 values"),
        ("params: " + "[" * 100_000, "more than 50 levels"),
        ("params: " + "{a: " * 60 + "1" + "}" * 60, "more than 50 levels"),
        ("#" * (1 << 21), "more than 1048576 bytes"),
        ("params: {n: " + "9" * 5000 + "}", "not YAML that is taken here"),
        ("params: {n: 2026-99-99}", "n = '2026-99-99' does not fit int"),
        ("params: {? [a] : 1}", "a list or a mapping is not a valid key"),
        ("params: {<<: {n: 1}}", r"merge keys \(<<\) are not taken"),
        ("params: {n: 1, n: 1}", "'n' is there twice"),
        ("params: {n: {1: a, 01: b}}", "1 is there twice"),
        ("%YAML 1.1\n---\nparams: {n: 1}", r"it says %YAML 1\.1, and is read as 1\.2"),
        ("params: {n: *.csv}", "put text in quotes"),
        ("params: {n: *csv}", r"put text that begins with \* in quotes"),
        ("params: {n: @home}", "put text in quotes"),
        ("params: {n: !!int x}", "'x' is not a valid int"),
        ("params: !!python/object/apply:os.system ['true']", "the tag !!python.* is not taken"),
        ("params: {n: !!python/name:os.system }", "the tag !!python.* is not taken"),
        ("params: {n: 1}\n---\nparams: {n: 2}", "expected a single document"),
    ],
)
def test_yaml_that_is_a_bomb_or_more_than_data_is_refused(write, text, said):
    with pytest.raises(ParameterError, match=said):
        modelled.with_config(write("bomb.yaml", text))


def test_templates_and_variables_are_text_and_nothing_else():
    assert parsed("a: ${HOME}\nb: '{{ 1 + 1 }}'", "it") == {"a": "${HOME}", "b": "{{ 1 + 1 }}"}


def test_a_secret_in_a_file_is_the_name_of_a_variable_and_its_text_is_never_said(write, monkeypatch):
    monkeypatch.setenv("PLAIT_TEST_KEY", "correct horse")
    named = "params: {n: 1, config: {depth: 1, key: {env: PLAIT_TEST_KEY}}}"
    made = modelled.with_config(write("a.yaml", named))
    assert made.parameters["config"].key.reveal() == "correct horse"
    assert "correct horse" not in repr(made.parameters) + json.dumps(made.schema, default=repr)
    for text in ("{depth: 1, key: hunter2}", "{depth: x, key: {env: hunter2}}", "[hunter2]", "hunter2"):
        with pytest.raises(ParameterError) as error:
            modelled.with_config(write("b.yaml", f"params: {{n: 1, config: {text}}}"))
        assert "hunter2" not in str(error.value)

    @step
    def ask(key: Secret) -> int:
        return 1

    with pytest.raises(ParameterError, match=r"key: a str is given, and a Secret is wanted") as error:
        Pipeline("p", [ask]).with_config(write("c.yaml", "params: {key: hunter2}"))
    assert "hunter2" not in str(error.value)


def cli(folder, *arguments, **environment):
    command = [sys.executable, "-m", "plait", *arguments]
    import os

    variables = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=240)


@pytest.fixture
def module(tmp_path):
    (tmp_path / "jobs.py").write_text(
        "from pydantic import BaseModel\n"
        "from plait import pipeline, step\n"
        "class Config(BaseModel):\n    depth: int\n    note: str\n"
        "@step\ndef fit(n: int, depth: int, note: str, by: int = 1) -> str:\n    return f'{n}|{depth}|{note}|{by}'\n"
        "@pipeline\ndef jobs(n: int, config: Config) -> str:\n    return fit(n, config.depth, config.note)\n"
    )
    (tmp_path / "c.yaml").write_text("params: {n: 1, config: {depth: 1, note: base}}\nrun: {store: null}\n")
    return tmp_path


def test_the_environment_goes_over_files_and_set_over_both(module):
    file = ["run", "jobs", "-q", "--config", "c.yaml"]
    variable = {"PLAIT_PARAMS": "{n: 2, fit: {by: 7}, config: {note: env}}"}
    assert "1|1|base|1" in cli(module, *file).stdout
    assert "2|1|env|7" in cli(module, *file, **variable).stdout
    assert "3|1|env|7" in cli(module, *file, "--set", "n=3", **variable).stdout


def test_fields_are_set_one_by_one_on_the_command_line(module):
    made = cli(
        module, "run", "jobs", "-q", "--no-store", "--set", "n=3", "--set", "config.depth=2", "--set", "config.note=8"
    )
    assert "3|2|8|1" in made.stdout, made.stderr


def test_what_is_wrong_in_the_environment_is_said_with_its_name(module):
    made = cli(module, "run", "jobs", "--config", "c.yaml", PLAIT_PARAMS="{m: 2}")
    assert made.returncode != 0 and "$PLAIT_PARAMS: jobs has no parameter 'm'" in made.stderr
    made = cli(module, "run", "jobs", "--config", "c.yaml", PLAIT_PARAMS="n=2")
    assert made.returncode != 0 and "$PLAIT_PARAMS: write names and values" in made.stderr


def test_the_command_line_prints_the_schema(module):
    made = json.loads(cli(module, "schema", "jobs").stdout)
    assert made["required"] == ["n", "config"] and set(made["$defs"]["Config"]["properties"]) == {"depth", "note"}


# the schema


def test_the_schema_has_addresses_types_defaults_and_what_docstrings_say():
    from plait import File

    @step
    def model(rows: File, depth: int = 6, names: list[str] = []) -> int:  # noqa: B006 - a default is never changed
        """A model.

        Args:
            depth: how many levels
                a tree has
            rows (File): what it learns from
        """
        return depth

    @step
    def report(model: int, key: Secret = Secret("hunter2"), odd=None) -> str:  # noqa: B008 - as above
        return ""

    made = Pipeline("p", [model, report]).with_({"report.odd": object()}).schema
    assert made["title"] == "p" and made["required"] == ["rows"] and made["additionalProperties"] is False
    assert made["properties"] == {
        "rows": {"type": "string", "format": "path", "description": "what it learns from"},
        "model.depth": {"type": "integer", "default": 6, "description": "how many levels a tree has"},
        "model.names": {"type": "array", "items": {"type": "string"}, "default": []},
        "report.key": made["properties"]["report.key"],
        "report.odd": {},
    }
    assert "default" not in made["properties"]["report.key"] and "hunter2" not in json.dumps(made)


def test_a_type_that_has_no_json_takes_anything_and_is_named():
    class Odd:
        pass

    @step
    def use(odd: Odd, n: int) -> int:
        return n

    made = Pipeline("p", [use]).with_(n=3).schema
    assert made["properties"]["odd"]["$comment"].endswith("Odd") and made["required"] == ["odd"]
    assert made["properties"]["n"] == {"type": "integer", "default": 3}


def test_what_the_schema_allows_is_what_with_takes():
    jsonschema = pytest.importorskip("jsonschema")
    schema = modelled.schema
    for values in ({"n": 1, "config": {"depth": 1}}, {"n": 1, "config": {"depth": 1, "inner": {"rounds": 2}}}):
        jsonschema.validate(values, schema)
        modelled.with_(values)
    for values in ({"n": "x", "config": {"depth": 1}}, {"m": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(values, schema)
        with pytest.raises((ParameterError, GraphError)):
            modelled.with_(values)


def test_paths_of_configuration_are_read_where_they_are(write, monkeypatch, tmp_path):
    write("c.yaml", "params: {n: 1}")
    monkeypatch.chdir(tmp_path)
    assert modelled.with_config("c.yaml", Path("c.yaml")).parameters["n"] == 1


def test_the_schema_takes_nested_keys_short_names_and_fields_as_the_files_do():
    jsonschema = pytest.importorskip("jsonschema")

    @step
    def tree(n: int, cfg: Inner = Inner(), depth: int = 3) -> int:  # noqa: B008 - as above
        return n

    @pipeline
    def inside(n: int) -> int:
        return tree(n)

    made = Pipeline("p", [inside.named("active"), fit])
    good = [
        {"n": 1, "fit": {"depth": 2, "rounds": 3}},
        {"n": 1, "fit.depth": 2, "depth": 2},
        {"n": 1, "active": {"tree": {"depth": 2, "cfg": {"rounds": 2}}}},
        {"n": 1, "active": {"tree.depth": 2}, "active/tree": {"depth": 2}},
        {"n": 1, "active/tree.cfg.rounds": 2, "cfg.rounds": 3},
    ]
    bad = [{"n": 1, "fit": {"dpth": 2}}, {"n": 1, "fit": {"depth": "x"}}, {"fit": {"depth": 2}}, {"n": 1, "fitt": {}}]
    for values in good:
        jsonschema.validate(values, made.schema)
        made.with_(values).plan(store=None)
    for values in bad:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(values, made.schema)
        with pytest.raises(ParameterError):
            made.with_(values).plan(store=None)


def test_the_yaml_that_the_docs_teach_is_valid_by_the_schema():
    jsonschema = pytest.importorskip("jsonschema")

    @step
    def spend(day: str, window: int = 28) -> int:
        return window

    @step
    def visits(day: str, window: int = 7) -> int:
        return window

    page = (Path(__file__).parents[1] / "docs/how-to/parameters-and-config.md").read_text()
    text = page.partition('Path("base.yaml").write_text("""')[2].partition('"""')[0].replace("... ", "")
    schema = Pipeline("weekly", [spend, visits]).schema
    values = parsed(text, "the page")["params"]
    assert values == {"day": "monday", "visits": {"window": 14}}
    jsonschema.validate(values, schema)


@step
def other(depth: int = 3) -> int:
    return depth


@dataclass
class Forest:
    depth: int = 6
    rate: float = 0.1


@step
def grow(forest: Forest = Forest()) -> int:  # noqa: B008
    return forest.depth


@step
def prune(forest: Forest = Forest()) -> int:  # noqa: B008
    return forest.depth


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["{fit.depth: 2}", "{depth: 4}"], {"fit.depth": 4, "other.depth": 4}),
        (["{fit: {depth: 2}}", "{depth: 4}"], {"fit.depth": 4, "other.depth": 4}),
        (["{depth: 4}", "{fit.depth: 2}"], {"fit.depth": 2, "other.depth": 4}),
        (["{depth: 4, fit.depth: 2}"], {"fit.depth": 2, "other.depth": 4}),
        (["{fit.depth: 2, depth: 4}"], {"fit.depth": 2, "other.depth": 4}),
        (["{depth: 1}", "{fit.depth: 2}", "{depth: 4}"], {"fit.depth": 4, "other.depth": 4}),
        (["{grow.forest.depth: 1}", "{grow.forest: {depth: 4}}"], {"grow.forest": Forest(4)}),
        (["{forest.depth: 1}", "{forest: {depth: 4}}"], {"grow.forest": Forest(4), "prune.forest": Forest(4)}),
        (
            ["{forest.depth: 1}", "{grow: {forest: {rate: 2}}}"],
            {"grow.forest": Forest(1, 2), "prune.forest": Forest(1)},
        ),
        (["{grow.forest: {depth: 1}}", "{forest.depth: 4}"], {"grow.forest": Forest(4), "prune.forest": Forest(4)}),
        (["{grow.forest.depth: 1, forest.depth: 4}"], {"grow.forest": Forest(1), "prune.forest": Forest(4)}),
    ],
)
def test_later_files_go_over_earlier_ones_however_a_parameter_is_written(write, files, expected):
    paths = [write(f"{place}.yaml", f"params: {text}") for place, text in enumerate(files)]
    found = Pipeline("p", [fit, other, grow, prune]).with_({"n": 1}).with_config(*paths).parameters
    assert {address: found[address] for address in expected} == expected


def test_a_number_that_a_float_cannot_hold_is_refused_unless_it_is_for_text(write):
    @step
    def rated(rate: float = 0.1, name: str = "", options: dict[str, object] = {}) -> float:  # noqa: B006
        return rate

    rating = Pipeline("p", [rated])
    for text in ("{rated.rate: -1e999}", "{rated.options: {a: [-1e999]}}"):
        with pytest.raises(ParameterError, match=r"a.yaml, line 1: -1e999 .* write -\.inf if infinity is meant"):
            rating.with_config(write("a.yaml", f"params: {text}"))
    kept = rating.with_config(write("b.yaml", "params: {rated: {rate: -.inf, name: 1e999}}")).parameters
    assert kept["rated.rate"] == float("-inf") and kept["rated.name"] == "1e999"
