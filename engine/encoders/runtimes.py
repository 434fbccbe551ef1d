"""What computes a model's two sides: torch, or OpenVINO where it proves to give the same vectors.

A conversion is believed by what it computes, never by its name: each side's rows of a few dozen inputs are compared
with torch's when the model is opened, and the fastest way that is near enough answers. Nothing else falls back.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.encoders import openvino_tower
from engine.encoders.converted_models import ConvertedModels
from engine.errors import InvalidSetting

Matrix = NDArray[np.float32]
Encode = Callable[[Tensor], Matrix]

log = logging.getLogger(__name__)

RUNTIMES = ("auto", "torch", "openvino")

# The least cosine between torch's row and another's, over all probes. Rounding to 8 bits gives ViT-B-32 .9996 to
# .9999; what passes here is above .999 for texts and pictures that were not probed.
CLOSE = 0.9993
# A side with fewer weights sits in the CPU's own memory: torch needs a millisecond or two for it, and starts at once.
SMALL = 8_000_000
# Below this a side is not rounded: MiniLM's 10.6 million weights cost 2 ms a short text either way, and lose .003.
ROUNDED = 16_000_000
# Changes whenever the same model would be converted into another one.
_RECIPE = 1

# What the tracer, the converter and the compiler raise for a model they cannot take.
_FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, NotImplementedError, OSError)


@dataclass(frozen=True, slots=True)
class EncoderSide:
    """One side of a model: how torch encodes it, and how another runtime is to trace and to prove it.

    inputs: (n, …) of probes, several shapes.   traced: the function to convert, of tensors to rows.
    shape: of its inputs, -1 where it varies.   example: two rows to trace with.
    convolutional: whether convolutions are most of its layers. OpenVINO computes those several times as fast as torch
    on one thread, however few weights they have; in 8 bits only its linear layers would be rounded, which it has not.
    """

    name: str
    model: nn.Module
    weights: int
    encode: Encode
    traced: Callable[[Tensor], Tensor]
    example: Tensor
    shape: tuple[int, ...]
    inputs: Sequence[Tensor]
    convolutional: bool = False


@dataclass(frozen=True, slots=True)
class ChosenRuntime:
    """What answers for a side: the function, the runtime's name and the numbers it computes in."""

    encode: Encode
    runtime: str
    dtype: str


def wants_openvino(runtime: str, device: torch.device, dtype: str) -> bool:
    """Return whether OpenVINO is to be tried. Raises InvalidSetting if it must and cannot be."""
    if runtime not in RUNTIMES:
        raise InvalidSetting(f"expected the runtime {', '.join(RUNTIMES)}, got {runtime!r}")
    if runtime == "torch":
        return False
    if runtime == "openvino":
        if device.type != "cpu" or dtype == "bfloat16":
            raise InvalidSetting(
                f"expected the device cpu and the dtype auto or float32 with the runtime openvino, "
                f"got {device} and {dtype}"
            )
        openvino_tower.library()
        return True
    # Those who name a dtype want torch's very numbers; with AMX torch's bfloat16 is not the slow one.
    fast_torch = torch.cpu.get_capabilities().get("amx_bf16", False)
    return device.type == "cpu" and dtype == "auto" and not fast_torch and find_spec("openvino") is not None


def choose(
    side: EncoderSide, identity: Mapping[str, Any], exact: bool, always: bool, conversions: ConvertedModels | None
) -> ChosenRuntime:
    """Return the fastest way to encode this side that agrees with torch.

    identity: all that decides the model, as the name its conversion is kept under. exact: leave its weights alone.
    always: convert a small one too. conversions: where they are kept, None to keep none.
    Costs seconds the first time a model is seen on a machine, then the proof alone.
    """
    torch_alone = ChosenRuntime(side.encode, "torch", "float32")
    if side.weights < SMALL and not side.convolutional and not always:
        return torch_alone
    expected = [_unit(side.encode(inputs)) for inputs in side.inputs]
    whole = exact or side.weights < max(SMALL, ROUNDED) or side.convolutional
    for dtype in ("float32",) if whole else ("int8", "float32"):
        began = time.perf_counter()
        try:
            tower = _open(side, dtype, identity, conversions)
            cosine = min(_least_cosine(rows, tower(inputs)) for rows, inputs in zip(expected, side.inputs, strict=True))
        except _FAILURES as error:
            log.warning("runtime=torch side=%s because openvino cannot take it: %s", side.name, _first_line(error))
            return torch_alone
        took_s = time.perf_counter() - began
        if cosine >= CLOSE:
            log.info("runtime=openvino side=%s dtype=%s cosine=%.5f took_s=%.1f", side.name, dtype, cosine, took_s)
            return ChosenRuntime(tower, "openvino", dtype)
        log.warning(
            "openvino's %s is refused for side=%s: expected a cosine of at least %s with torch, got %.5f",
            dtype, side.name, CLOSE, cosine,
        )  # fmt: skip
    return torch_alone


def _open(
    side: EncoderSide, dtype: str, identity: Mapping[str, Any], conversions: ConvertedModels | None
) -> openvino_tower.Tower:
    """Return the side compiled, from what was kept, or converted and kept."""
    parts = {
        **identity,
        "side": side.name,
        "dtype": dtype,
        "recipe": _RECIPE,
        "group": openvino_tower.GROUP,
        "versions": {name: version(name) for name in ("openvino", "torch", "open-clip-torch")},
    }
    threads = torch.get_num_threads()
    kept = None if conversions is None else conversions.find(parts)
    if kept is not None:
        return openvino_tower.Tower(openvino_tower.load(kept), threads)
    model = openvino_tower.trace(side.model, side.traced, side.example, side.shape)
    if dtype == "int8":
        openvino_tower.compress(model)
    if conversions is not None:
        kept = conversions.keep(parts, lambda folder: openvino_tower.save(model, folder))
    return openvino_tower.Tower(model if kept is None else openvino_tower.load(kept), threads)


def _least_cosine(expected: Matrix, came: Matrix) -> float:
    """Return the least cosine of a row with the one it should be; -1 if their shapes differ or a number is none."""
    if expected.shape != came.shape or not np.isfinite(came).all():
        return -1.0
    return float((expected * _unit(came)).sum(axis=1).min())


def _unit(rows: Matrix) -> Matrix:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = rows / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
