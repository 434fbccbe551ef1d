"""Checks of messages against the rules in the .proto files, with an error that names each broken field by its path."""

from collections.abc import Iterable
from typing import Self

import protovalidate
from google.protobuf.message import Message

from engine.errors import InvalidQuery

MAX_VIOLATIONS = 8

_validator = protovalidate.Validator()


class InvalidMessage(InvalidQuery):
    """A request that breaks rules of the contract.

    Attributes:
        violations: Path of each broken field, and the rule that it breaks.
    """

    def __init__(self, violations: Iterable[tuple[str, str]]) -> None:
        self.violations = tuple(violations)
        field, message = self.violations[0]
        super().__init__(message, field)

    def at(self, path: str) -> Self:
        """Return a copy of this error for the message that encloses the request at `path`."""
        return type(self)((f"{path}.{field}", message) for field, message in self.violations)


def check(message: Message) -> None:
    """Check a message against the contract.

    Raises:
        InvalidMessage: With the first fields that break a rule.
    """
    violations = _validator.collect_violations(message)
    if violations:
        # A vector of NaNs breaks a rule in each value, and a status of 16 KiB never reaches the client.
        reported = [(_path(violation), _sentence(violation)) for violation in violations[:MAX_VIOLATIONS]]
        if len(violations) > MAX_VIOLATIONS:
            reported.append((reported[-1][0], f"and {len(violations) - MAX_VIOLATIONS} more"))
        raise InvalidMessage(reported)


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
    # Texts and images are not repeated: they may be long, and private.
    return f"{message}, got {value}" if isinstance(value, int | float) else message
