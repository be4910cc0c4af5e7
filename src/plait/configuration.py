"""Configuration files: `params:` (addresses, nested) and `run:` (options), later files over earlier ones.

The loader takes plain data only, and not much of it: no tags, no aliases (which can expand without end), no key
twice, at most a mebibyte (CVE-2020-14343 was a loader that took more).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait.core.definition import near
from plait.errors import ParameterError

LIMIT = 1 << 20


def load(*paths: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the run options that files set; `ParameterError` names the file and what is wrong in it."""
    merged: dict[str, Any] = {}
    for path in paths:
        content = _read(Path(path))
        for section in content:
            if section not in ("params", "run"):
                raise ParameterError(
                    f"{path}: {section!r} is neither 'params' nor 'run'{near(str(section), ['params', 'run'])}"
                )
        merged = _over(merged, content)
    return merged.get("params") or {}, merged.get("run") or {}


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        if path.stat().st_size > LIMIT:
            raise ParameterError(f"{path} has more than {LIMIT} bytes, which is no configuration file")
        content = yaml.load(path.read_text("utf-8"), _loader())  # noqa: S506 - a SafeLoader, with less
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not YAML that is taken here: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(v, dict | None) for v in content.values()):
        raise ParameterError(f"{path}: write two sections, params: and run:, with a name and a value in each line")
    return content


def value(text: str) -> Any:
    """A value from the command line: as YAML reads it, so that 8 is a number and a,b is text."""
    import yaml

    try:
        return yaml.load(text, _loader())  # noqa: S506 - a SafeLoader, with less
    except yaml.YAMLError:
        return text


def _over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for name, item in top.items():
        inner = both.get(name)
        both[name] = _over(inner, item) if isinstance(inner, dict) and isinstance(item, dict) else item
    return both


def _loader() -> Any:
    import yaml

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not taken")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
                seen.add(key)
            return super().construct_mapping(node, deep)

    return Plain
