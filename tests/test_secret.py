"""Secrets are used and never seen: not in keys, records, history, messages, errors or files."""

import io
import json
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from plait import NodeFailed, ParameterError, Pipeline, PlaitError, Secret, step
from plait.secret import masked

CANARY = "canary-7f3a9c-do-not-show"


@step
def ask(question: str, key: Secret) -> int:
    return len(question) + len(key.reveal()) * 0


@step
def refuse(key: Secret) -> int:
    try:
        raise LookupError(f"inner {key.reveal()}")
    except LookupError as inner:
        raise ValueError(f"no access to https://user:{key.reveal()}@db/x") from inner


ASK = Pipeline("ask", [ask])


def everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_nothing_that_a_run_leaves_behind_holds_a_secret(executor, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PLAIT_TEST_KEY", CANARY)
    for given in (Secret(CANARY), Secret.env("PLAIT_TEST_KEY")):
        store = tmp_path / f"{executor}{given._name}"
        run = ASK.run(question="why", key=given, store=store, executor=executor)
        assert run["ask"] == 3
        with pytest.raises(NodeFailed) as failure:
            Pipeline("refuse", [refuse]).run(key=given, store=store, executor=executor)
        kept = everything(store)
        assert b"why" in kept, "this looks at the wrong files"
        assert CANARY.encode() not in kept
        said = capsys.readouterr()
        shown = [
            repr(run),
            str(run.params),
            str(failure.value),
            run.to_frame().to_string(),
            ASK.plan(question="why", key=given, store=store),
        ]
        assert CANARY not in " ".join(map(str, [*shown, said.out, said.err]))
        import traceback

        whole = "".join(traceback.format_exception(failure.value))
        assert "no access to https://user:***@db/x" in whole
        assert CANARY not in whole


def test_to_rotate_a_secret_makes_no_work(tmp_path):
    ASK.run(question="why", key=Secret("old one"), store=tmp_path, listeners=[])
    run = ASK.run(question="why", key=Secret("new one"), store=tmp_path, listeners=[])
    assert run.states == {"ask": "hit"}
    assert ASK.run(question="how?", key=Secret("new one"), store=tmp_path, listeners=[]).states == {"ask": "run"}


def test_plain_text_is_no_secret_and_is_not_repeated(tmp_path):
    with pytest.raises(ParameterError, match="key: a str is given, and a Secret is wanted") as error:
        ASK.run(question="why", key=CANARY, store=tmp_path)
    assert CANARY not in str(error.value)


def test_a_variable_that_is_not_set_is_said_where_it_is_used(tmp_path, monkeypatch):
    monkeypatch.delenv("PLAIT_TEST_KEY", raising=False)
    with pytest.raises(NodeFailed, match=r"Secret.env\('PLAIT_TEST_KEY'\): this environment variable is not set"):
        ASK.run(question="why", key=Secret.env("PLAIT_TEST_KEY"), store=tmp_path, listeners=[])


def test_a_configuration_file_names_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAIT_TEST_KEY", CANARY)
    file = tmp_path / "base.yaml"
    file.write_text("params: {question: why, key: {env: PLAIT_TEST_KEY}}\n")
    assert ASK.with_config(file).run(store=tmp_path / "store", listeners=[])["ask"] == 3
    file.write_text(f"params: {{question: why, key: {CANARY}}}\n")
    with pytest.raises(ParameterError) as error:
        ASK.with_config(file).run(store=tmp_path / "store", listeners=[])
    assert CANARY not in str(error.value)


def test_no_way_of_writing_shows_the_text():
    secret = Secret(CANARY)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>30}", repr([secret]), repr({"a": secret})):
        assert CANARY not in text
    with pytest.raises(PlaitError, match="never written"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(PlaitError, match="never written"):
        pickle.Pickler(io.BytesIO()).dump({"a": [secret]})
    assert pickle.loads(pickle.dumps(Secret.env("NAME"))) == Secret.env("NAME")


def test_a_model_may_hold_one():
    class Config(BaseModel):
        depth: int
        key: Secret

    config = Config.model_validate({"depth": 3, "key": {"env": "PLAIT_TEST_KEY"}})
    assert config.key == Secret.env("PLAIT_TEST_KEY")
    assert CANARY not in Config(depth=1, key=Secret(CANARY)).model_dump_json()
    with pytest.raises(ValueError, match="key"):
        Config.model_validate({"depth": 3, "key": "text"})

    @step
    def use(config: Config) -> int:
        return config.depth + len(config.key.reveal())

    run = Pipeline("p", [use]).run(config=Config(depth=1, key=Secret("four")), store=None, listeners=[])
    assert run["use"] == 5


def test_a_result_that_is_one_stays_in_memory(tmp_path):
    @step
    def login(name: str) -> Secret:
        return Secret(CANARY)

    @step
    def use(login: Secret) -> int:
        return len(login.reveal())

    pipeline = Pipeline("p", [login, use])
    with pytest.warns(UserWarning, match="login"):
        run = pipeline.run(name="n", store=tmp_path, listeners=[])
    assert run["use"] == len(CANARY)
    assert CANARY.encode() not in everything(tmp_path)


def test_short_texts_are_left_in_errors():
    """Each `e` of a message would else be stars."""
    Secret("e").reveal()
    assert masked("seen") == "seen"


@pytest.mark.parametrize("wrong", ["", "A=B", 3, None])
def test_the_name_of_a_variable_is_asked_for(wrong):
    with pytest.raises(ParameterError, match="the name of an environment variable"):
        Secret.env(wrong)
    with pytest.raises(ParameterError, match="a text is wanted"):
        Secret(7)
