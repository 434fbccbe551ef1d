"""The contract's own rules: what the .proto files say of every field, checked, and told by the field's path.

Vectors are the exception: protovalidate looks at 512 numbers in 40 µs, numpy in 3, and that is on every query's way.
"""

from collections.abc import Iterable

import numpy as np
import protovalidate
from google.protobuf.message import Message

from engine.errors import InvalidQuery
from engine.records import Vector
from engine.v1 import query_pb2

MAX_DIMENSIONS = 16384

_validator = protovalidate.Validator()


class InvalidRequest(InvalidQuery):
    """A request that breaks rules of the contract: every field that does, by its path, and which rule it breaks."""

    def __init__(self, violations: Iterable[tuple[str, str]]) -> None:
        self.violations = tuple(violations)
        field, message = self.violations[0]
        super().__init__(message, field)


def check(message: Message) -> None:
    """Do nothing if the message keeps to the contract. Raises InvalidRequest with every field that does not."""
    violations = _validator.collect_violations(message)
    if violations:
        raise InvalidRequest((_path(violation), _sentence(violation)) for violation in violations)


def take_vector(vector: query_pb2.Vector) -> Vector:
    """Return the values and leave one of them in the message, so that `check` has little to look at.

    Values that break a rule all stay, for `check` to tell which.
    """
    # A repeated float is a buffer, so numpy copies it in one piece: 2 µs for 256, fromiter takes 10.
    values = np.array(vector.values, np.float32)
    if 0 < len(values) <= MAX_DIMENSIONS and np.isfinite(values).all():
        del vector.values[1:]
    return values


def _path(violation: protovalidate.Violation) -> str:
    """Return the path as clients write it: parts[1].vector.values[3], modality_weights["image"]."""
    path = ""
    field = violation.proto.field
    for element in field.elements if field is not None else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            value = element.subscript.value
            path += f'["{value}"]' if isinstance(value, str) else f"[{value}]"
    return path


def _sentence(violation: protovalidate.Violation) -> str:
    value = violation.field_value
    message = violation.proto.message
    # Texts and pictures are not said back: they may be long, and they are the caller's.
    return f"{message}, got {value}" if isinstance(value, int | float) else message
