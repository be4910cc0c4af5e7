"""From text to dicts, lists and scalars, within bounds.

PyYAML parses; what a scalar means is decided in `scalars.py`, since PyYAML has the rules of YAML 1.1 there. Little is
taken: no tags but those of the core schema, no aliases (which can expand without end), no merge keys, no key twice; at
most a mebibyte, 10,000 values and 50 levels (CVE-2020-14343 was a loader that took more). Nothing is constructed but
`dict`, `list` and `Scalar`.
"""

from typing import Any

from plait.errors import ParameterError
from plait.yaml12.scalars import STR, Scalar, meaning, value_of

LIMIT = 1 << 20  # bytes of a file, and characters of a text
_VALUES = 10_000
_LEVELS = 50
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"


def load(text: str, where: str) -> Any:
    """Return what a YAML text says, as dicts, lists and `Scalar`s; `None` for an empty one.

    Keys are text where they mean text, else `Scalar`s. `ParameterError` says what is not taken, and in which line.
    """
    import yaml

    if len(text) > LIMIT:
        raise ParameterError(f"{where} has more than {LIMIT} characters")
    try:
        loader = _loader()(text)
        loader.name = where  # for its messages
        try:
            node = loader.get_single_node()
            return None if node is None else loader.data_of(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        hint = "; put text in quotes" if isinstance(error, yaml.scanner.ScannerError) else ""
        raise ParameterError(f"{where} is not YAML that is taken here: {error}{hint}") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{where} is not YAML that is taken here: {error}") from None


def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        values = levels = 0

        def refuse(self, message: str, mark: Any) -> Any:
            raise yaml.composer.ComposerError(None, None, message, mark)

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is yaml.ScalarNode:
                return meaning(value) if implicit[0] else STR
            return _SEQ if kind is yaml.SequenceNode else _MAP

        def compose_document(self) -> Any:
            start = self.peek_event()  # type: ignore[no-untyped-call] # the stubs of PyYAML leave it out
            if start.version not in (None, (1, 2)):
                said = ".".join(map(str, start.version))
                self.refuse(f"it says %YAML {said}, and is read as 1.2; take that line away", start.start_mark)
            return super().compose_document()

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            if self.check_event(yaml.AliasEvent):
                self.refuse("aliases (*name) are not taken; put text that begins with * in quotes", event.start_mark)
            self.values += 1
            self.levels += 1
            if self.values > _VALUES:
                self.refuse(f"there are more than {_VALUES} values", event.start_mark)
            if self.levels > _LEVELS:
                self.refuse(f"it is nested more than {_LEVELS} levels deep", event.start_mark)
            node = super().compose_node(parent, index)
            self.levels -= 1
            return node

        def data_of(self, node: Any) -> Any:
            if isinstance(node, yaml.ScalarNode):
                return self.scalar_of(node)
            if node.tag not in (_MAP, _SEQ) or (node.tag == _SEQ) is not isinstance(node, yaml.SequenceNode):
                self.refuse_tag(node)
            if isinstance(node, yaml.SequenceNode):
                return [self.data_of(one) for one in node.value]
            made: dict[Any, Any] = {}
            seen: set[Any] = set()
            for key_node, value_node in node.value:
                key = self.key_of(key_node)
                known = key.value if isinstance(key, Scalar) else key
                if known in seen:
                    self.refuse(f"{known!r} is there twice", key_node.start_mark)
                seen.add(known)
                made[key] = self.data_of(value_node)
            return made

        def key_of(self, node: Any) -> Any:
            if not isinstance(node, yaml.ScalarNode):
                self.refuse("a list or a mapping is not a valid key", node.start_mark)
            if node.style is None and node.value == "<<":
                self.refuse("merge keys (<<) are not taken", node.start_mark)
            key = self.scalar_of(node)
            return key if key.has_own_text else key.value

        def scalar_of(self, node: Any) -> Scalar:
            line = node.start_mark.line + 1
            if node.tag == STR:
                return Scalar(node.value, node.value, line)
            try:
                return Scalar(value_of(node.tag, node.value), node.value, line)
            except ValueError as error:  # also an integer of more digits than Python takes
                if node.tag.rpartition(":")[2] not in ("null", "bool", "int", "float"):
                    self.refuse_tag(node)
                self.refuse(str(error), node.start_mark)
                raise

        def refuse_tag(self, node: Any) -> None:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self.refuse(f"the tag {tag} is not taken; put text that begins with ! in quotes", node.start_mark)

    return Loader
