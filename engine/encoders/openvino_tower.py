"""One side of a model for OpenVINO: traced from torch, weights in 8 bits or unrounded, compiled for this CPU.

A short text reads 38 million weights for a handful of tokens, so memory traffic dominates; an image's products suit
VNNI's 8-bit instructions. Weights and activations are rounded in groups along the product, each with its own scale,
because a transformer has a few values far greater than all others.
"""

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import MissingDependency

Matrix = NDArray[np.float32]

# Weights per scale. 128: .1 ms faster per text, twice the error; 32: a tenth slower, a tenth more accurate.
GROUP = 64


class _TracedSide(nn.Module):
    """Wraps a function of a model as a module, for the tracer."""

    def __init__(self, model: nn.Module, encode: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._encode = encode

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the rows, not normalised."""
        return self._encode(inputs)


class Tower:
    """A compiled side of a model; thread-safe, each call with its own inference request."""

    def __init__(self, model: Any, threads: int) -> None:
        """Compile for this CPU. Raises RuntimeError if that fails."""
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            # A pinned thread waits for its core when others are busy too.
            "ENABLE_CPU_PINNING": False,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP if is_compressed(model) else 0,
        }
        self._compiled = library().Core().compile_model(model, "CPU", hints)
        self._requests: SimpleQueue[Any] = SimpleQueue()

    def __call__(self, inputs: Tensor) -> Matrix:
        """Return (n, dim), not normalised."""
        try:
            request = self._requests.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            # A copy: the next call overwrites the request's memory.
            return cast(Matrix, request.infer([inputs.contiguous().numpy()])[0].astype(np.float32))
        finally:
            self._requests.put(request)


def library() -> Any:
    """Return the openvino module with telemetry disabled. Raises MissingDependency."""
    # With its telemetry package it reports the import to an analytics service; without, it uses a stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MissingDependency("the runtime openvino needs openvino: pip install openvino") from error
    return openvino


def trace(model: nn.Module, encode: Callable[[Tensor], Tensor], example: Tensor, shape: tuple[int, ...]) -> Any:
    """Return what `encode` computes with the model as an OpenVINO model, in float32. Raises what tracers raise.

    Args:
        model: The torch model.
        encode: The function to trace.
        example: Two inputs to trace with.
        shape: Shape of the inputs, -1 where it varies.
    """
    ov = library()
    fast = torch.backends.mha.get_fastpath_enabled()
    root = logging.getLogger()
    level, filters = root.level, list(root.filters)
    # torch's fused attention is a single operator that no other runtime supports.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            # A deprecated tracer, and constants it creates: the result is verified against torch's rows.
            warnings.simplefilter("ignore")
            kind = ov.Type.i64 if example.dtype == torch.int64 else ov.Type.f32
            inputs = [("inputs", ov.PartialShape(list(shape)), kind)]
            return ov.convert_model(_TracedSide(model, encode).eval(), example_input=example, input=inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        # The converter silences logging of the whole process, and leaves it so on failure.
        root.setLevel(level)
        root.filters = filters


def compress(model: Any, group: int = GROUP) -> None:
    """Round the weights of every linear layer to 8 bits in place, in groups of `group`.

    A row that `group` does not divide is one group.
    """
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or not node.get_attributes()["transpose_b"]:
            continue
        source = node.input_value(1).get_node()
        if source.get_type_name() != "Constant" or len(source.get_output_shape(0)) != 2:
            continue
        weights = source.get_data().astype(np.float32)
        codes, zeros, scales = quantise(weights, group)
        if codes.shape[1] == 1:
            codes, zeros, scales = codes[:, 0], zeros[:, 0], scales[:, 0]
        steps = ops.subtract(ops.convert(ops.constant(codes), "f32"), ops.convert(ops.constant(zeros), "f32"))
        read = ops.multiply(steps, ops.constant(scales))
        if codes.ndim == 3:
            read = ops.reshape(read, ops.constant(np.array(weights.shape, np.int64)), False)
        node.input(1).replace_source_output(read.output(0))


def quantise(weights: Matrix, group: int = GROUP) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Matrix]:
    """Return codes (n, groups, k) and, per group, the code of 0 and the scale: weight = (code - zero) * scale.

    No weight is off by more than half a step, which is a 255th of its group's range.

    Args:
        weights: (n, d).
        group: Weights per group.
    """
    n, d = weights.shape
    grouped = weights.reshape(n, -1, group if d % group == 0 else d)
    low = np.minimum(grouped.min(axis=-1, keepdims=True), 0)
    high = np.maximum(grouped.max(axis=-1, keepdims=True), 0)
    scales = np.maximum((high - low) / 255, np.finfo(np.float32).tiny)
    zeros = np.round(-low / scales)
    codes = np.clip(np.round(grouped / scales) + zeros, 0, 255)
    return codes.astype(np.uint8), zeros.astype(np.uint8), scales.astype(np.float32)


def is_compressed(model: Any) -> bool:
    """Return whether the weights were rounded."""
    return any(
        node.get_type_name() == "Constant"
        and node.get_element_type().get_type_name() == "u8"
        and len(node.get_output_shape(0)) > 1
        for node in model.get_ops()
    )


def save(model: Any, directory: Path) -> None:
    """Write the model into an empty directory."""
    library().save_model(model, directory / "model.xml", compress_to_fp16=False)


def load(directory: Path) -> Any:
    """Return the model that `save` wrote, weights mapped from disk. Raises RuntimeError if it is incomplete."""
    return library().Core().read_model(directory / "model.xml")
