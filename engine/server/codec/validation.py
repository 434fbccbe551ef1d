"""The contract's own rules: what the .proto files say of every field, checked, and told by the field's path."""

from collections.abc import Iterable

import protovalidate
from google.protobuf.message import Message

from engine.errors import InvalidQuery

MOST_TOLD = 8

_validator = protovalidate.Validator()


class InvalidMessage(InvalidQuery):
    """A request that breaks rules of the contract: every field that does, by its path, and which rule it breaks."""

    def __init__(self, violations: Iterable[tuple[str, str]]) -> None:
        self.violations = tuple(violations)
        field, message = self.violations[0]
        super().__init__(message, field)


def check(message: Message) -> None:
    """Do nothing if the message keeps to the contract. Raises InvalidRequest with the first fields that do not."""
    violations = _validator.collect_violations(message)
    if violations:
        # A vector of NaNs breaks a rule in each value, and a status of 16 KiB never reaches the client.
        told = [(_path(violation), _sentence(violation)) for violation in violations[:MOST_TOLD]]
        if len(violations) > MOST_TOLD:
            told.append((told[-1][0], f"and {len(violations) - MOST_TOLD} more"))
        raise InvalidMessage(told)


def placed(error: InvalidQuery, path: str) -> InvalidQuery:
    """Return the error of one of several messages in a request with the paths that its fields have there."""
    if isinstance(error, InvalidMessage):
        return InvalidMessage((f"{path}.{field}", message) for field, message in error.violations)
    error.field = f"{path}.{error.field}" if error.field else path
    return error


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
