"""The errors of diptych, one tree; the edge maps them to status codes, the command lines to exit codes.

DiptychError
├── InvalidQuery              a request that can never be answered
│   ├── DimensionMismatch     a vector of another length than the block it speaks to
│   ├── UnknownBlock          a block, or a signal, that the snapshot does not have
│   ├── UnknownField          a field that no payload of the snapshot has
│   └── BadImage              bytes that are no picture, or one beyond the limits
├── NotSupported              a request that this build cannot answer yet
├── NoEncoder                 words or pictures asked of a snapshot or a model that cannot encode them
├── ItemNotFound              an item_id that the snapshot does not hold
├── GroupNotFound             a brand or a category that no item has
├── UserNotFound              a shopper of whom nothing is known
├── SnapshotNotFound          a snapshot that the store does not hold
├── CorruptSnapshot           a file that is not what its manifest says
├── CorruptModel              a file of a model that is damaged, or something else
├── CorruptLog                a log of live changes or events that is damaged, or something else
├── NotDurable                a change or an event that could not be written to disk
├── ModelMismatch             an encoder that is not the one the snapshot was built with
├── InvalidCatalogue          a catalogue that cannot be read at all, or with too many bad rows
├── InvalidSetting            an option whose value has no meaning
├── GateFailed                a snapshot that may not be published
├── WriterFailed              a writer of descriptions that gave no text
└── MissingDependency         an optional library that is not installed
"""

from collections.abc import Iterable


class DiptychError(Exception):
    """Anything diptych refuses; its message names what was expected and what came."""


class InvalidQuery(DiptychError):
    """A request that can never be answered; `field` is the path of the part that is wrong."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class DimensionMismatch(InvalidQuery):
    """A vector whose length is not the block's."""

    def __init__(self, expected: int, came: int, field: str = "") -> None:
        super().__init__(f"expected {expected} dimensions, got {came}", field)


class UnknownBlock(InvalidQuery):
    """A block or signal name that the snapshot does not have."""

    def __init__(self, name: str, known: Iterable[str], field: str = "", noun: str = "block") -> None:
        super().__init__(f"unknown {noun} {name!r}: this snapshot has {', '.join(known) or 'none'}", field)


class UnknownField(InvalidQuery):
    """A name that is no field of any payload; the message tells the nearest names."""

    def __init__(self, name: str, nearest: Iterable[str], field: str = "", where: str = "") -> None:
        near = ", ".join(nearest)
        hint = f"nearest are {near}" if near else "nothing is near"
        super().__init__(f"{where}unknown field {name!r}: {hint}", field)


class BadImage(InvalidQuery):
    """Bytes that are no picture, or a picture beyond the limits."""


class NotSupported(DiptychError):
    """A request for something that this build does not answer; `field` names what asked for it."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NoEncoder(DiptychError):
    """Words or pictures asked of what cannot encode them; `field` names the part."""

    def __init__(
        self,
        field: str = "",
        message: str = "expected a snapshot with an encoder for text and image parts, got one of vectors alone",
    ) -> None:
        super().__init__(message)
        self.field = field


class ItemNotFound(DiptychError):
    """An item that the snapshot does not hold; `field` is the path of what asked for it, if a request did."""

    def __init__(self, item_id: str, field: str = "") -> None:
        super().__init__(f"no item {item_id!r} in this snapshot")
        self.item_id = item_id
        self.field = field


class GroupNotFound(DiptychError):
    """A brand or a category that no item has; `field` is that of the items and of the request."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f"no item of this snapshot has the {field} {value!r}")
        self.field = field


class UserNotFound(DiptychError):
    """A shopper of whom nothing is known; `field` is the path of what asked for them. Their id is not said."""

    def __init__(self, field: str = "", message: str = "expected a shopper with events, got one without") -> None:
        super().__init__(message)
        self.field = field


class SnapshotNotFound(DiptychError):
    """A snapshot that the store does not hold; `name` is the one asked for, empty if any would have done."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class CorruptSnapshot(DiptychError):
    """A file of a snapshot that is not what its manifest says; the message names the file."""


class CorruptModel(DiptychError):
    """A file of a model that is damaged, or something else; the message names the file."""


class CorruptLog(DiptychError):
    """A log of live changes or events that is damaged, or something else; the message names it."""


class NotDurable(DiptychError):
    """A change or an event that could not be written to disk, so it did not happen; the message says why."""


class ModelMismatch(DiptychError):
    """An encoder that is not the one the snapshot was built with."""


class InvalidCatalogue(DiptychError):
    """A catalogue that cannot be read at all, or that has too many bad rows."""


class InvalidSetting(DiptychError):
    """An option whose value has no meaning."""


class GateFailed(DiptychError):
    """A snapshot that failed a gate, so it may not be published; the message names the gate."""


class WriterFailed(DiptychError):
    """A writer of descriptions that could not be reached, or did not answer with a text; the message says which."""


class MissingDependency(DiptychError):
    """An optional library that is not installed; the message is the command that installs it."""
