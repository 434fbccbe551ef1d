"""All errors of diptych in one tree. The server maps them to gRPC codes, the command lines to exit codes.

DiptychError
├── RequestError              an error about a part of a request
│   ├── InvalidQuery          a request that can never be answered
│   │   ├── DimensionMismatch a vector whose length is not that of its block
│   │   ├── UnknownBlock      a block or signal that the snapshot does not have
│   │   ├── UnknownField      a field that no payload of the snapshot has
│   │   └── BadImage          bytes that are not an image, or an image beyond the limits
│   ├── NotSupported          a request that this build cannot answer
│   ├── NoEncoder             text or images for a snapshot or model that cannot encode them
│   ├── ItemNotFound          an item that the snapshot does not have
│   ├── GroupNotFound         a brand or category without items
│   └── UserNotFound          a shopper without events
├── SnapshotNotFound          a snapshot that the store does not have
├── CorruptSnapshot           a snapshot file that does not match its manifest
├── CorruptModel              a model file that is damaged or of another kind
├── CorruptLog                a log of live changes or events that is damaged or of another kind
├── NotDurable                a change or event that could not be written to disk
├── ModelMismatch             an encoder other than the one that the snapshot was built with
├── InvalidCatalogue          a catalogue that cannot be read, or has too many bad rows
├── InvalidSetting            an option with an invalid value
├── GateFailed                a snapshot that failed a gate and may not be published
├── WriterFailed              a description writer that returned no text
├── MissingDependency         an optional library that is not installed
├── CannotListen              an address that is taken, or is not this machine's
├── Overloaded                a queue that is full
├── NothingServed             a server without a snapshot yet
└── OutOfTime                 a deadline that has passed, or is too close
"""

from collections.abc import Iterable
from typing import Self


class DiptychError(Exception):
    """Base class of all errors; a message says what was expected and what was received."""


class RequestError(DiptychError):
    """An error about a part of a request.

    Attributes:
        field: Path of the part, such as `parts[1].item_id`; empty if the error is about no part in particular.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field

    def at(self, path: str) -> Self:
        """Return a copy of this error for the message that encloses the request at `path`.

        Code that reads one item of a list does not know where the item stands; its caller does, and raises
        `error.at("items[3]")`. The copy leaves this error alone, which other callers may hold too.
        """
        return self.with_field(f"{path}.{self.field}" if self.field else path)

    def with_field(self, field: str) -> Self:
        """Return a copy of this error about another part.

        For code that turns one request into another, whose paths mean nothing to the caller.
        """
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__.update(self.__dict__, field=field)
        return copy


class InvalidQuery(RequestError):
    """A request that can never be answered."""


class DimensionMismatch(InvalidQuery):
    """A vector whose length is not that of its block."""

    def __init__(self, expected: int, received: int, field: str = "") -> None:
        super().__init__(f"expected {expected} dimensions, got {received}", field)


class UnknownBlock(InvalidQuery):
    """A block or signal that the snapshot does not have."""

    def __init__(self, name: str, known: Iterable[str], field: str = "", noun: str = "block") -> None:
        super().__init__(f"unknown {noun} {name!r}: this snapshot has {', '.join(known) or 'none'}", field)


class UnknownField(InvalidQuery):
    """A field that no payload of the snapshot has; the message suggests similar names."""

    def __init__(self, name: str, nearest: Iterable[str], field: str = "", where: str = "") -> None:
        names = ", ".join(nearest)
        hint = f"did you mean {names}?" if names else "no field has a similar name"
        super().__init__(f"{where}unknown field {name!r}: {hint}", field)


class BadImage(InvalidQuery):
    """Bytes that are not an image, or an image beyond the limits."""


class NotSupported(RequestError):
    """A request that this build cannot answer."""


class NoEncoder(RequestError):
    """Text or images for a snapshot or model that cannot encode them."""

    def __init__(
        self,
        field: str = "",
        message: str = "expected a snapshot with an encoder for text and image parts, got one of vectors alone",
    ) -> None:
        super().__init__(message, field)


class ItemNotFound(RequestError):
    """An item that the snapshot does not have."""

    def __init__(self, item_id: str, field: str = "") -> None:
        super().__init__(f"no item {item_id!r} in this snapshot", field)
        self.item_id = item_id


class GroupNotFound(RequestError):
    """A brand or category without items; `field` names it in the items and in the request."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f"no item of this snapshot has the {field} {value!r}", field)


class UserNotFound(RequestError):
    """A shopper without events. The message leaves out their id."""

    def __init__(self, field: str = "", message: str = "expected a shopper with events, got one without") -> None:
        super().__init__(message, field)


class SnapshotNotFound(DiptychError):
    """A snapshot that the store does not have.

    Attributes:
        name: The requested snapshot; empty if any would do.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class CorruptSnapshot(DiptychError):
    """A snapshot file that does not match its manifest; the message names the file."""


class CorruptModel(DiptychError):
    """A model file that is damaged or of another kind; the message names the file."""


class CorruptLog(DiptychError):
    """A log of live changes or events that is damaged or of another kind; the message names it."""


class NotDurable(DiptychError):
    """A change or event that could not be written to disk and so did not take effect; the message says why."""


class ModelMismatch(DiptychError):
    """An encoder other than the one that the snapshot was built with."""


class InvalidCatalogue(DiptychError):
    """A catalogue that cannot be read, or has too many bad rows."""


class InvalidSetting(DiptychError):
    """An option with an invalid value."""


class GateFailed(DiptychError):
    """A snapshot that failed a gate and may not be published; the message names the gate."""


class WriterFailed(DiptychError):
    """A description writer that could not be reached or returned no text; the message says which."""


class MissingDependency(DiptychError):
    """An optional library that is not installed; the message is the command that installs it."""


class CannotListen(DiptychError):
    """An address that is taken, or is not this machine's."""


class Overloaded(DiptychError):
    """A queue that is full; the request may be retried after `retry_ms`."""

    retry_ms = 100


class NothingServed(DiptychError):
    """A server without a snapshot yet; the request may be retried after `retry_ms`."""

    retry_ms = 1000


class OutOfTime(DiptychError):
    """A deadline that has passed, or leaves less time than the fastest such request has ever taken."""
