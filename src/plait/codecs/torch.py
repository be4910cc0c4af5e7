"""Tensors of torch. Where a tensor is does not count, nor how it lies there: its content is brought to the host.

What a step gets is a tensor of the CPU, contiguous, without the graph that it was computed by, and its own: torch has
no tensors that cannot be written to. Models and optimizers are objects that hold tensors; the canonical walk of core
names them, and asks here for each tensor.
"""

import io
import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from plait.core.values import Stream

ORDER = 36
_ALIGNED: Final = 64  # in the file, and in memory


def create() -> "Torch":
    return Torch()


@dataclass(frozen=True, slots=True)
class Torch:
    """`Tensor` and `Parameter`; other subclasses mean more by their content."""

    name: ClassVar[str] = "torch"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        torch: Any = sys.modules.get("torch")  # where it is not loaded, nothing is a tensor
        return hasattr(torch, "nn") and type(value) in (torch.Tensor, torch.nn.Parameter)

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.value(_about(value))
        if stream.rigid:  # the object around it keeps its layout, and where it is
            stream.value([value.stride(), str(value.device), value.storage_offset()])
        stream.buffer(_bytes_of(_plain(value)))

    def canonical(self, value: Any, /) -> Any:
        plain = _plain(value)
        raw = _room(plain.numel() * plain.element_size())
        raw[:] = _bytes_of(plain)
        return _put(_about(value), raw)

    share = canonical

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        file.write(json.dumps(_about(value)).encode() + b"\n")
        file.write(_bytes_of(_plain(value)))

    def read(self, content: Path | bytes, /) -> Any:
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
            about = json.loads(file.readline())
            file_bytes = file.read()
        raw = _room(len(file_bytes))
        raw[:] = memoryview(file_bytes)
        return _put(about, raw)


def _about(value: Any) -> list[Any]:
    torch = import_module("torch")
    if value.layout is not torch.strided or value.is_quantized or value.is_meta or value.is_nested:
        raise TypeError(f"a tensor of layout {value.layout} has no content in a row; make it dense with .to_dense()")
    return [str(value.dtype).removeprefix("torch."), list(value.shape), value.requires_grad, _kind(value)]


def _kind(value: Any) -> str:
    return type(value).__name__


def _plain(value: Any) -> Any:
    """The content on the host, in one row; a conjugate or negative view is made real."""
    return value.detach().cpu().resolve_conj().resolve_neg().contiguous()


def _bytes_of(plain: Any) -> Any:
    torch = import_module("torch")
    return memoryview(plain.reshape(-1).view(torch.uint8).numpy()).cast("B")


def _room(size: int) -> Any:
    """Memory that is aligned: some kernels give other last bits where it starts elsewhere."""
    import numpy as np

    raw = np.empty(size + _ALIGNED, np.uint8)
    start = -raw.ctypes.data % _ALIGNED
    return raw[start : start + size].data


def _put(about: list[Any], raw: Any) -> Any:
    torch = import_module("torch")
    word, shape, requires_grad, kind = about
    dtype = getattr(torch, word)
    flat = torch.frombuffer(raw, dtype=torch.uint8) if len(raw) else torch.empty(0, dtype=torch.uint8)
    made = flat.view(dtype).reshape(shape)
    return torch.nn.Parameter(made, requires_grad) if kind == "Parameter" else made.requires_grad_(requires_grad)
