"""A codec of a user's: the one of the page, in a package that is really installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "keep-your-own-kind.md"
PROGRAM = """
import sys
from plait import Pipeline, plugins, step
from tracks import Track

@step
def short() -> Track:
    return Track([(1, 2)])

@step
def long() -> Track:
    return Track([(n / 7, n) for n in range(5000)])

@step
def length(short: Track, long: Track) -> int:
    assert type(short) is type(long) is Track
    long.points.append((0.0, 0.0))
    return len(short.points) + len(long.points)

if __name__ == "__main__":
    run = Pipeline("walk", [short, long, length]).run(store="store", executor=sys.argv[1], listeners=[])
    print(run["length"], run["long"].points[1], *run.states.values(), "tracks" in plugins.names("codecs"))
"""


@pytest.fixture
def site(tmp_path):
    """A folder with the package of the page, as an installer would leave it."""
    text = PAGE.read_text()
    for code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, re.DOTALL):
        (tmp_path / code[0]).write_text(code[1])
    [(group, name, target)] = re.findall(r'```toml\n\[project\.entry-points\."(.*?)"\]\n(\w+) = "(.*?)"\n```', text)
    info = tmp_path / "tracks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tracks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
    (tmp_path / "walk.py").write_text(PROGRAM)
    return tmp_path


def python(site, *arguments):
    path = os.pathsep.join([str(site), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, *arguments], cwd=site, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_codec_keeps_its_kind_in_every_process(site):
    second = (1 / 7, 1.0)
    assert python(site, "walk.py", "processes") == f"5002 {second} run run run True\n"
    assert python(site, "walk.py", "sequential") == f"5002 {second} hit hit hit True\n"
    [blob] = [path for path in (site / "store" / "blobs").rglob("*") if path.is_file()]
    assert blob.read_bytes().startswith(b"[[0.0, 0.0], [0.14"), "it was written by the codec of the page"


def test_without_its_package_what_it_kept_is_made_again(site):
    python(site, "walk.py", "sequential")
    (site / "tracks-1.0.dist-info" / "entry_points.txt").unlink()
    code = "import walk; from plait import Pipeline; walks = Pipeline('walk', [walk.short, walk.long, walk.length])\n"
    code += "run = walks.run('long', store='store', listeners=[]); print(run.states['long'], run['long'].points[1][1])"
    assert python(site, "-c", code) == "run 1\n"


def test_the_tests_of_the_page_pass(site):
    assert "passed" in python(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tracks.py")
