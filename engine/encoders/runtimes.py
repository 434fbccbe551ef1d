"""What computes a model's two sides: torch, or OpenVINO where it gives the same vectors.

A conversion is verified by its output, never by its name: when a model is opened, each side's rows of a few dozen
inputs are compared with torch's, and the fastest runtime that is close enough is used. There is no other fallback.
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

# Minimum cosine between torch's row and another runtime's, over all probes. Rounding to 8 bits gives ViT-B-32 .9996 to
# .9999; what passes here is above .999 for texts and images outside the probes.
MIN_COSINE = 0.9993
# A side with fewer weights fits in the CPU's cache: torch takes a millisecond or two, and starts at once.
MIN_CONVERTED_WEIGHTS = 8_000_000
# A smaller side is not rounded: MiniLM's 10.6 million weights take 2 ms per short text either way, and lose .003.
MIN_ROUNDED_WEIGHTS = 16_000_000
# Increment whenever the same model would be converted differently.
_CONVERSION_VERSION = 1

# What the tracer, the converter and the compiler raise for an unsupported model.
_FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, NotImplementedError, OSError)


@dataclass(frozen=True, slots=True)
class EncoderSide:
    """One side of a model: how torch encodes it, and how another runtime traces and verifies it.

    Attributes:
        traced: The function to convert, from tensors to rows.
        example: Two inputs to trace with.
        shape: Shape of the inputs, -1 where it varies.
        inputs: (n, …) probes of several shapes.
        convolutional: Whether most layers are convolutions. OpenVINO computes those several times as fast as torch on
            one thread, however few weights they have; 8 bits would round only linear layers, which such a side lacks.
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
    """The function that encodes a side, with the runtime's name and dtype."""

    encode: Encode
    runtime: str
    dtype: str


def wants_openvino(runtime: str, device: torch.device, dtype: str) -> bool:
    """Return whether to try OpenVINO. Raises InvalidSetting if it is required and not possible."""
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
    # An explicit dtype asks for torch's exact numbers; with AMX, torch's bfloat16 is not the slower one.
    fast_torch = torch.cpu.get_capabilities().get("amx_bf16", False)
    return device.type == "cpu" and dtype == "auto" and not fast_torch and find_spec("openvino") is not None


def choose(
    side: EncoderSide, identity: Mapping[str, Any], exact: bool, always: bool, conversions: ConvertedModels | None
) -> ChosenRuntime:
    """Return the fastest way to encode this side that agrees with torch.

    Takes seconds the first time a model is seen on a machine, then only the verification.

    Args:
        side: The side to encode.
        identity: Everything that identifies the model, as the key of its stored conversion.
        exact: Do not round its weights.
        always: Convert a small side too.
        conversions: Where conversions are stored; None to store none.
    """
    torch_runtime = ChosenRuntime(side.encode, "torch", "float32")
    if side.weights < MIN_CONVERTED_WEIGHTS and not side.convolutional and not always:
        return torch_runtime
    expected = [_unit(side.encode(inputs)) for inputs in side.inputs]
    unrounded = exact or side.weights < max(MIN_CONVERTED_WEIGHTS, MIN_ROUNDED_WEIGHTS) or side.convolutional
    for dtype in ("float32",) if unrounded else ("int8", "float32"):
        start = time.perf_counter()
        try:
            tower = _open(side, dtype, identity, conversions)
            cosine = min(_min_cosine(rows, tower(inputs)) for rows, inputs in zip(expected, side.inputs, strict=True))
        except _FAILURES as error:
            log.warning("runtime=torch side=%s because openvino does not support it: %s", side.name, _first_line(error))
            return torch_runtime
        took_s = time.perf_counter() - start
        if cosine >= MIN_COSINE:
            log.info("runtime=openvino side=%s dtype=%s cosine=%.5f took_s=%.1f", side.name, dtype, cosine, took_s)
            return ChosenRuntime(tower, "openvino", dtype)
        log.warning(
            "openvino's %s is rejected for side=%s: expected a cosine of at least %s with torch, got %.5f",
            dtype, side.name, MIN_COSINE, cosine,
        )  # fmt: skip
    return torch_runtime


def _open(
    side: EncoderSide, dtype: str, identity: Mapping[str, Any], conversions: ConvertedModels | None
) -> openvino_tower.Tower:
    """Return the compiled side, from a stored conversion, or converted and stored."""
    parts = {
        **identity,
        "side": side.name,
        "dtype": dtype,
        "recipe": _CONVERSION_VERSION,
        "group": openvino_tower.GROUP,
        "versions": {name: version(name) for name in ("openvino", "torch", "open-clip-torch")},
    }
    threads = torch.get_num_threads()
    stored = None if conversions is None else conversions.find(parts)
    if stored is not None:
        return openvino_tower.Tower(openvino_tower.load(stored), threads)
    model = openvino_tower.trace(side.model, side.traced, side.example, side.shape)
    if dtype == "int8":
        openvino_tower.compress(model)
    if conversions is not None:
        stored = conversions.store(parts, lambda folder: openvino_tower.save(model, folder))
    return openvino_tower.Tower(model if stored is None else openvino_tower.load(stored), threads)


def _min_cosine(expected: Matrix, actual: Matrix) -> float:
    """Return the smallest cosine between paired rows; -1 if shapes differ or a value is not finite."""
    if expected.shape != actual.shape or not np.isfinite(actual).all():
        return -1.0
    return float((expected * _unit(actual)).sum(axis=1).min())


def _unit(rows: Matrix) -> Matrix:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = rows / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
