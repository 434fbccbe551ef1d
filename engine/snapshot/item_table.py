"""The items of a snapshot: id and payload by row, and row by id, read from memory-mapped files."""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot, ItemNotFound

ITEMS_FILE = "items.arrow"
LOOKUP_FILE = "lookup.npy"

_LOOKUP = np.dtype([("hash", "<u8"), ("row", "<u4")])


def _hash(item_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest(), "little")


def write_items(directory: Path, item_ids: Sequence[str], payloads: Sequence[bytes]) -> None:
    """Write the item files, in row order."""
    table = pa.table(
        {
            "item_id": pa.array(item_ids, pa.large_string()),
            "payload": pa.array(payloads, pa.large_binary()),
        }
    )
    with pa.OSFile(str(directory / ITEMS_FILE), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    lookup = np.empty(len(item_ids), _LOOKUP)
    lookup["hash"] = [_hash(item_id) for item_id in item_ids]
    lookup["row"] = np.arange(len(item_ids))
    lookup.sort(order=["hash", "row"])
    np.save(directory / LOOKUP_FILE, lookup)


class ItemTable:
    """The items of one snapshot, by row and by id; all data stays in mapped memory."""

    def __init__(self, directory: Path, count: int) -> None:
        path = directory / ITEMS_FILE
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            self._ids = _Column(table["item_id"])
            self._payloads = _Column(table["payload"])
            # As a plain array: a memmap takes three times as long for each element.
            lookup = np.asarray(np.load(directory / LOOKUP_FILE, mmap_mode="r"))
            self._hashes: NDArray[np.uint64] = lookup["hash"]
            self._rows: NDArray[np.uint32] = lookup["row"]
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
            raise CorruptSnapshot(f"{path}: expected the items of a snapshot, got {error}") from error
        if table.num_rows != count or len(lookup) != count:
            raise CorruptSnapshot(f"{path}: expected {count} items, got {table.num_rows}")

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return str(self._ids[row], "utf-8")

    def item_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of rows; half the cost of single calls."""
        offsets, data = self._ids.offsets, self._ids.data
        return [str(data[offsets[row] : offsets[row + 1]], "utf-8") for row in rows]

    def ids(self) -> pa.Array:
        """Return the ids of all rows, in mapped memory."""
        return self._ids.array

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.catalog.payload` wrote it."""
        return bytes(self._payloads[row])

    def get_row(self, item_id: str) -> int:
        """Return the row of an id. Raises ItemNotFound."""
        hash_value = np.uint64(_hash(item_id))
        # searchsorted would copy the column, which is strided: 100 times the cost for 100,000 items.
        index = bisect_left(self._hashes, hash_value)
        while index < len(self._hashes) and self._hashes[index] == hash_value:
            row = int(self._rows[index])
            if self.item_id(row) == item_id:
                return row
            index += 1
        raise ItemNotFound(item_id)


class _Column:
    """One Arrow column of text or bytes as raw buffers: a cell is a slice, twenty times faster than as_py()."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        # combine_chunks copies even a single chunk, which would move the whole column to private memory.
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        _, offsets, data = array.buffers()
        self.array = array
        self.offsets = np.frombuffer(offsets, np.int64)
        self.data = memoryview(data) if data is not None else memoryview(b"")

    def __getitem__(self, row: int) -> memoryview:
        return self.data[self.offsets[row] : self.offsets[row + 1]]
