"""What a power cut may leave of a folder, from the log of all that was done to it.

The model is what POSIX allows, which is more than any file system does. Bytes that were not synced may be there in any
part, whole, torn, or as zeros; a name that was made, moved or removed is safe only when its folder was synced. One
call is not split, but for a write.
"""

import random
import re
from pathlib import Path
from typing import NamedTuple

from stores.straced import ACK

_LINE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)\) += (?P<result>-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_SECTOR = 512


class Op(NamedTuple):
    """Something that was done: to a file's bytes, or to the names in a folder."""

    kind: str  # bytes, size, name, move, gone, sync, ack
    of: int  # the file or folder
    a: object = None
    b: object = None
    c: object = None


class Log:
    """All that was done below a folder, in order; files and folders as numbers, 0 the one above all."""

    def __init__(self, text, root):
        self.ops = []
        self._names = {str(root): 0}
        self._open = {}  # descriptor: [file, position, append]
        self._sizes = {}
        self._count = 0
        lines = [line for line in map(_LINE.match, text.splitlines()) if line]
        for line in lines:
            if line["pid"] != lines[0]["pid"]:  # that of the warm process, which only starts the other
                self._take(line["call"], line["rest"], int(line["result"]))

    def _new(self, path):
        self._count += 1
        self._names[path] = self._count
        return self._count

    def _at(self, path):
        parent, _, name = path.rpartition("/")
        return self._names.get(parent), name

    def _take(self, call, rest, result):
        texts = [bytes.fromhex(text.replace("\\x", "")) for text, cut in _TEXT.findall(rest) if not cut]
        numbers = [int(n) for n in re.findall(r"(?<![\w.])-?\d+(?!\w)", _TEXT.sub("", rest))]
        if call == "write" and texts and texts[0].startswith(ACK):
            self.ops.append(Op("ack", 0, int(texts[0][len(ACK) :])))
        if result < 0:
            return
        paths = [text.decode("utf-8", "replace") for text in texts]
        if call in ("open", "openat"):
            self._opened(paths[0], rest, result)
        elif call == "close":
            self._open.pop(numbers[0], None)
        elif call in ("mkdir", "mkdirat"):
            self._named(paths[0], folder=True)
        elif call in ("rename", "renameat", "renameat2"):
            self._moved(*paths)
        elif call in ("link", "linkat"):
            if paths[0] in self._names:
                self._names[paths[1]] = self._names[paths[0]]
                folder, name = self._at(paths[1])
                self.ops.append(Op("name", folder, name, self._names[paths[1]], False))
        elif call in ("unlink", "unlinkat", "rmdir"):
            folder, name = self._at(paths[0])
            if self._names.pop(paths[0], None) is not None:
                self.ops.append(Op("gone", folder, name))
        elif numbers and numbers[0] in self._open:
            self._written(call, self._open[numbers[0]], texts, numbers, result)

    def _opened(self, path, flags, fd):
        if path not in self._names:
            if "O_CREAT" not in flags or self._at(path)[0] is None:
                self._open.pop(fd, None)
                return
            self._named(path, folder=False)
        file = self._names[path]
        if "O_TRUNC" in flags:
            self._sizes[file] = 0
            self.ops.append(Op("size", file, 0))
        self._open[fd] = [file, 0, "O_APPEND" in flags]

    def _named(self, path, folder):
        above, name = self._at(path)
        if above is not None:
            file = self._new(path)
            self._sizes[file] = 0
            self.ops.append(Op("name", above, name, file, folder))

    def _moved(self, source, target):
        if source not in self._names:
            return
        file = self._names.pop(source)
        self._names[target] = file
        (a, x), (b, y) = self._at(source), self._at(target)
        self.ops.append(Op("move", b, y, (a, x), file))

    def _written(self, call, opened, texts, numbers, result):
        file, position, append = opened
        if call in ("write", "pwrite64") and texts:
            where = numbers[-1] if call == "pwrite64" else self._sizes[file] if append else position
            self.ops.append(Op("bytes", file, where, texts[0][:result]))
            self._sizes[file] = max(self._sizes[file], where + result)
            opened[1] = where + result if call == "write" else position
        elif call == "lseek":
            opened[1] = result
        elif call == "ftruncate":
            self._sizes[file] = numbers[1]
            self.ops.append(Op("size", file, numbers[1]))
        elif call in ("fsync", "fdatasync"):
            self.ops.append(Op("sync", file))


class State(NamedTuple):
    """What is on the disk: the names in each folder, and the bytes of each file."""

    names: dict  # folder: {name: (file, is a folder)}
    files: dict  # file: bytes

    def fingerprint(self):
        return hash((repr(sorted(self.names.items())), frozenset(self.files.items())))

    def made(self, root):
        """Makes it, in a folder that is there."""
        stack = [(0, Path(root))]
        while stack:
            folder, path = stack.pop()
            for name, (file, is_folder) in self.names.get(folder, {}).items():
                if is_folder:
                    (path / name).mkdir(0o700)
                    stack.append((file, path / name))
                else:
                    (path / name).write_bytes(self.files.get(file, b""))


def state(ops, cut, chance):
    """A state that a power cut may leave after the first `cut` of all operations.

    `chance` says of how much of what is not safe: 0 nothing is there, 1 all of it, between them any part.
    """
    done = ops[:cut]
    synced = {}
    for place, op in enumerate(done):
        if op.kind == "sync":
            synced[op.of] = place
    files, names = {}, {}
    for place, op in enumerate(done):
        safe = place < synced.get(op.of, -1)
        if op.kind in ("bytes", "size"):
            _change(files, op, safe, chance)
        elif op.kind in ("name", "move", "gone") and (safe or _happens(chance)):
            _rename(names, op)
    return State(names, files)


def _happens(chance):
    return chance == 1 or random.random() < chance


def _change(files, op, safe, chance):
    content = bytearray(files.get(op.of, b""))
    if op.kind == "size":
        if safe or _happens(chance):
            content = content[: op.a] + bytes(max(0, op.a - len(content)))
    elif safe or _happens(chance):
        _put(content, op.a, op.b)
    elif chance > 0:
        match random.randrange(3):
            case 0:  # torn where a sector ends
                _put(content, op.a, op.b[: random.randrange(len(op.b) // _SECTOR + 1) * _SECTOR])
            case 1:  # torn anywhere
                _put(content, op.a, op.b[: random.randrange(len(op.b) + 1)])
            case 2:  # its length was kept, and not its bytes
                content += bytes(max(0, op.a + len(op.b) - len(content)))
    files[op.of] = bytes(content)


def _put(content, where, data):
    content += bytes(max(0, where - len(content)))
    content[where : where + len(data)] = data


def _rename(names, op):
    if op.kind == "name":
        names.setdefault(op.of, {})[op.a] = (op.b, op.c)
    elif op.kind == "gone":
        names.get(op.of, {}).pop(op.a, None)
    else:
        folder, name = op.b
        was = names.get(folder, {}).pop(name, (op.c, False))
        names.setdefault(op.of, {})[op.a] = was
