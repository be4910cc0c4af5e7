"""What CASES.md comes to for somebody at work: what a change of code, or of a package, runs again. New processes."""

import json
import shutil
import textwrap

import pytest

STATES = "import json, steps; print(json.dumps(steps.demo.run(store='store', listeners=[]).states))"

PROJECT = {
    "numbers": """
        from statistics import fmean

        def centre(xs):
            return sum(xs) / len(xs)

        def spread(xs):
            return max(xs) - min(xs)
        """,
    "helpers": """
        import numbers_of as n
        from numbers_of import spread as width

        def scaled(xs):
            return [x / width(xs) for x in xs]

        def shifted(xs):
            return [x - n.centre(xs) for x in xs]
        """,
    "steps": """
        import helpers
        from helpers import scaled
        from plait import Pipeline, step

        @step
        def load() -> list[float]:
            return [1.0, 2.0, 4.0]

        @step
        def wide(load: list[float]) -> list[float]:
            return scaled(load)

        @step
        def middle(load: list[float]) -> list[float]:
            return helpers.shifted(load)

        @step
        def both(wide: list[float], middle: list[float]) -> list[float]:
            return [a + b for a, b in zip(wide, middle)]

        @step
        def least(wide: list[float]) -> float:
            return min(wide)

        demo = Pipeline("demo", [load, wide, middle, both, least])
        """,
}


@pytest.fixture
def deep(project):
    """Steps, whose helpers are in another module, whose helpers are in a third one."""
    project.write(numbers_of=PROJECT["numbers"], helpers=PROJECT["helpers"], steps=PROJECT["steps"])
    assert set(states(project).values()) == {"run"}
    assert set(states(project).values()) == {"hit"}
    return project


def states(project, **environment):
    return json.loads(project.python("-B", "-c", STATES, **environment))


def ran(found):
    return {node for node, state in found.items() if state == "run"}


def test_one_line_of_a_helper_two_modules_away_runs_what_reaches_it_and_explain_prints_that_line(deep):
    deep.edit("numbers_of", "return sum(xs) / len(xs)", "return sorted(xs)[len(xs) // 2]")
    said = deep.python("-B", "-m", "plait", "explain", "steps", "both", "--store", "store")
    assert "middle would run: code that it reaches changed since" in said
    assert "by middle -> helpers.shifted -> numbers_of.centre" in said
    assert "-     return sum(xs) / len(xs)" in said and "+     return sorted(xs)[len(xs) // 2]" in said
    assert [line.strip()[0] for line in said.splitlines() if line.startswith("    ") and line.strip()[0] in "+-"] == [
        "-", "+",
    ], "that line, and no other"  # fmt: skip
    assert ran(states(deep)) == {"middle", "both"}

    deep.edit("numbers_of", "max(xs) - min(xs)", "max(xs) - min(xs) + 0.0")
    assert ran(states(deep)) == {"wide"}, "it gives the same, so what reads it is up to date"
    deep.edit("numbers_of", "+ 0.0", "+ 1.0")
    assert ran(states(deep)) == {"wide", "both", "least"}


def test_an_unused_import_or_helper_beside_it_runs_nothing(deep):
    deep.edit("numbers_of", "from statistics import fmean", "from statistics import median\nUNUSED = 1")
    deep.edit("helpers", "def shifted", "def other(xs):\n    return n.spread(xs)\n\n\ndef shifted")
    assert ran(states(deep)) == set()


def test_an_upgrade_of_a_package_that_one_branch_uses_runs_that_branch(project):
    site = project.folder / "site-packages"

    def install(version, text):
        shutil.rmtree(site, ignore_errors=True)
        info = site / f"gauge-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gauge\nVersion: {version}\n")
        (info / "RECORD").write_text("gauge/__init__.py,,\ngauge/inner.py,,\n")
        (site / "gauge").mkdir()
        (site / "gauge" / "__init__.py").write_text("from gauge.inner import measure\n")
        (site / "gauge" / "inner.py").write_text(textwrap.dedent(text))

    def now():
        import plait

        path = str(next(iter(plait.__path__))).removesuffix("/plait")
        return states(project, PYTHONPATH=f"{path}:{site}")

    project.write(
        measuring="import gauge\ndef measured(xs): return [gauge.measure(x) for x in xs]\n",
        steps="""
        from measuring import measured
        from plait import Pipeline, step

        @step
        def load() -> list[int]:
            return [1, 2, 4]

        @step
        def lengths(load: list[int]) -> list[int]:
            return measured(load)

        @step
        def longest(lengths: list[int]) -> int:
            return max(lengths)

        @step
        def total(load: list[int]) -> int:
            return sum(load)

        @step
        def doubled(total: int) -> int:
            return 2 * total

        @step
        def report(longest: int, doubled: int) -> str:
            return f"{longest} of {doubled}"

        demo = Pipeline("demo", [load, lengths, longest, total, doubled, report])
        """,
    )
    install("1.0", "def measure(x): return x\n")
    assert set(now().values()) == {"run"}
    assert set(now().values()) == {"hit"}
    install("1.1", "def measure(x): return x + 1\n")
    assert ran(now()) == {"lengths", "longest", "report"}
    install("1.2", "def measure(x): return 1 + x\n")
    assert ran(now()) == {"lengths"}, "the new version gives the same"
    install("1.0", "def measure(x): return x\n")
    assert ran(now()) == set(), "to go back is free"
