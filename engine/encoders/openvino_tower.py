"""One side of a model for OpenVINO: traced from torch, its weights in 8 bits or left alone, compiled for this CPU.

A short text reads 38 million weights for a handful of tokens, so their bytes are what it costs, and a picture's
products are what VNNI's 8-bit instructions are for. Weights and activations are rounded in groups along the product,
each with its own scale, because a transformer has a few values that are far greater than all others.
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

# How many weights share a scale. 128: .1 ms faster a text, twice the error; 32: a tenth slower, a tenth more exact.
GROUP = 64


class _TracedSide(nn.Module):
    """A function of a model as the module that a tracer takes."""

    def __init__(self, model: nn.Module, encode: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._encode = encode

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the rows, not normalised."""
        return self._encode(inputs)


class Tower:
    """Compiled rows of a model; several threads may call it, each with a request of its own."""

    def __init__(self, model: Any, threads: int) -> None:
        """Compile for this CPU. Raises RuntimeError if it cannot be."""
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            # A pinned thread waits for its core where others have work too.
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
            # A copy: the request's own memory is written again by the next one.
            return cast(Matrix, request.infer([inputs.contiguous().numpy()])[0].astype(np.float32))
        finally:
            self._requests.put(request)


def library() -> Any:
    """Return the module openvino, which then sends nothing home. Raises MissingDependency."""
    # Imported with its telemetry it reports the import to an analytics service; without, it has a stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MissingDependency("the runtime openvino needs openvino: pip install openvino") from error
    return openvino


def trace(model: nn.Module, encode: Callable[[Tensor], Tensor], example: Tensor, shape: tuple[int, ...]) -> Any:
    """Return what `encode` does with the model as an OpenVINO model, in float32.

    example: two rows to trace with.   shape: of the inputs, -1 where it varies. Raises what tracers raise.
    """
    ov = library()
    fast = torch.backends.mha.get_fastpath_enabled()
    root = logging.getLogger()
    level, filters = root.level, list(root.filters)
    # torch's fused attention is one operator that no other runtime knows.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            # Of a tracer that is to go, and of constants it makes: what it made is proved against torch's rows.
            warnings.simplefilter("ignore")
            kind = ov.Type.i64 if example.dtype == torch.int64 else ov.Type.f32
            inputs = [("inputs", ov.PartialShape(list(shape)), kind)]
            return ov.convert_model(_TracedSide(model, encode).eval(), example_input=example, input=inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        # The converter silences the whole process, and leaves it so where it fails.
        root.setLevel(level)
        root.filters = filters


def compress(model: Any, group: int = GROUP) -> None:
    """Round the weights of every linear layer to 8 bits, in groups of `group`, in place; whole rows where it does not
    divide them."""
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or not node.get_attributes()["transpose_b"]:
            continue
        source = node.input_value(1).get_node()
        if source.get_type_name() != "Constant" or len(source.get_output_shape(0)) != 2:
            continue
        weights = source.get_data().astype(np.float32)
        codes, zeros, scales = to_codes(weights, group)
        if codes.shape[1] == 1:
            codes, zeros, scales = codes[:, 0], zeros[:, 0], scales[:, 0]
        steps = ops.subtract(ops.convert(ops.constant(codes), "f32"), ops.convert(ops.constant(zeros), "f32"))
        read = ops.multiply(steps, ops.constant(scales))
        if codes.ndim == 3:
            read = ops.reshape(read, ops.constant(np.array(weights.shape, np.int64)), False)
        node.input(1).replace_source_output(read.output(0))


def to_codes(weights: Matrix, group: int = GROUP) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Matrix]:
    """Return codes (n, groups, k) and, a group each, the code of 0 and the scale: weight = (code - zero) * scale.

    weights: (n, d). No weight is off by more than half a step, which is a 255th of its group's range.
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
    """Return what `save` wrote, its weights mapped from disk. Raises RuntimeError if it is not whole."""
    return library().Core().read_model(directory / "model.xml")
