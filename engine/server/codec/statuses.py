"""Errors as gRPC statuses: one table of codes, and google.rpc details for programs to read.

The details name the field's path, the resource that was not found, and when to retry.
"""

from collections.abc import Iterable

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from engine.errors import (
    CorruptLog,
    CorruptSnapshot,
    DiptychError,
    GateFailed,
    GroupNotFound,
    InvalidQuery,
    InvalidSetting,
    ItemNotFound,
    MissingDependency,
    ModelMismatch,
    NoEncoder,
    NotDurable,
    NothingServed,
    NotSupported,
    OutOfTime,
    Overloaded,
    SnapshotNotFound,
    UserNotFound,
    WriterFailed,
)
from engine.server.codec.validation import InvalidMessage

DOMAIN = "diptych"
MAX_MESSAGE_CHARACTERS = 1024
UNKNOWN = "internal error; see the server's log"


_CODES: dict[type[DiptychError], grpc.StatusCode] = {
    InvalidQuery: grpc.StatusCode.INVALID_ARGUMENT,
    NotSupported: grpc.StatusCode.UNIMPLEMENTED,
    NoEncoder: grpc.StatusCode.FAILED_PRECONDITION,
    ItemNotFound: grpc.StatusCode.NOT_FOUND,
    GroupNotFound: grpc.StatusCode.NOT_FOUND,
    UserNotFound: grpc.StatusCode.NOT_FOUND,
    SnapshotNotFound: grpc.StatusCode.NOT_FOUND,
    CorruptSnapshot: grpc.StatusCode.FAILED_PRECONDITION,
    CorruptLog: grpc.StatusCode.FAILED_PRECONDITION,
    NotDurable: grpc.StatusCode.UNAVAILABLE,
    ModelMismatch: grpc.StatusCode.FAILED_PRECONDITION,
    GateFailed: grpc.StatusCode.FAILED_PRECONDITION,
    InvalidSetting: grpc.StatusCode.FAILED_PRECONDITION,
    MissingDependency: grpc.StatusCode.FAILED_PRECONDITION,
    WriterFailed: grpc.StatusCode.UNAVAILABLE,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    NothingServed: grpc.StatusCode.UNAVAILABLE,
    OutOfTime: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def to_code(error: Exception) -> grpc.StatusCode:
    """Return the code of an error: its own, else its nearest ancestor's, INTERNAL if the table has neither."""
    for ancestor in type(error).__mro__:
        if ancestor in _CODES:
            return _CODES[ancestor]
    return grpc.StatusCode.INTERNAL


def to_status(error: Exception) -> status_pb2.Status:
    """Return the status for an error. An error outside the table gets a fixed message, since its own may leak data."""
    code = to_code(error)
    if code is grpc.StatusCode.INTERNAL:
        return _status(code, UNKNOWN, ())
    field = getattr(error, "field", "")
    message = f"{field}: {error}" if field else str(error)
    return _status(code, message, _details(error, field))


def _details(error: Exception, field: str) -> Iterable[Message]:
    yield error_details_pb2.ErrorInfo(reason=_reason(error), domain=DOMAIN, metadata={"field": field} if field else {})
    if isinstance(error, InvalidMessage):
        yield _bad_request(error.violations)
    elif field:
        yield _bad_request([(field, str(error))])
    if isinstance(error, ItemNotFound):
        yield error_details_pb2.ResourceInfo(resource_type="item", resource_name=error.item_id, description=str(error))
    if isinstance(error, SnapshotNotFound):
        yield error_details_pb2.ResourceInfo(resource_type="snapshot", resource_name=error.name, description=str(error))
    if isinstance(error, Overloaded | NothingServed):
        delay = Duration()
        delay.FromMilliseconds(error.retry_ms)
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _bad_request(violations: Iterable[tuple[str, str]]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations
        ]
    )


def _reason(error: Exception) -> str:
    """Return an error's name in the form of google.rpc reasons: ItemNotFound becomes ITEM_NOT_FOUND."""
    name = type(error).__name__
    return "".join(f"_{letter}" if letter.isupper() and index else letter for index, letter in enumerate(name)).upper()


def _status(code: grpc.StatusCode, message: str, details: Iterable[Message]) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message[:MAX_MESSAGE_CHARACTERS])
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status
