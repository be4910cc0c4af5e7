"""The examples as their readers run them: copies of them, in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import plait

EXAMPLES = Path(__file__).parents[2] / "examples"


class Flights(NamedTuple):
    """A store in which the flights example has run, and what that run printed."""

    store: Path
    printed: str

    def run(self, folder: Path, *options: str) -> str:
        """What `python flights` prints."""
        return python(folder, *options, cwd=folder.parent, env=environment(self.store))


def copy_of(example: str, into: Path) -> Path:
    """A copy of an example, without what running it left."""
    ignored = shutil.ignore_patterns("__pycache__", "out", ".plait", ".ipynb_checkpoints")
    return shutil.copytree(EXAMPLES / example, into / example, ignore=ignored)


def edited(file: Path, old: str, new: str) -> None:
    """Changes a file, in one place."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new), "utf-8")


def environment(store: Path) -> dict[str, str]:
    """This process's environment, but for where results are kept; whatever plait warns of is an error."""
    ours = {
        "PLAIT_STORE": str(store),
        "PYTHONPATH": str(Path(plait.__file__).parents[1]),
        "PYTHONWARNINGS": "error::UserWarning",
        "OMP_NUM_THREADS": "1",  # else processes side by side wait for each other in a spin, many times slower
    }
    return {**os.environ, **ours}


def python(*arguments: str | Path, cwd: Path, env: dict[str, str], typed: str = "") -> str:
    """What a program prints; it must succeed."""
    command = [sys.executable, *map(str, arguments)]
    ended = subprocess.run(command, cwd=cwd, env=env, input=typed, capture_output=True, text=True, check=False)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def at_the_prompt(program: Path, *typed: str, cwd: Path, env: dict[str, str]) -> list[str]:
    """The lines that a program prints, and then what is typed after it (`python -i`)."""
    return python("-i", program, cwd=cwd, env=env, typed="\n".join(typed) + "\n").splitlines()
