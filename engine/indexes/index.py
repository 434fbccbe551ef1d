"""The interface of an index that holds the rows of one stratum; an implementation for another device is a small file.

Scores are inner products, higher is better; rows are numbered from 0 within one index.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting
from engine.indexes.row_filter import RowFilter

DEVICES = {
    "cpu": "engine.indexes.cpu:CpuIndex",
    "cuda": "engine.indexes.cuda:CudaIndex",
}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How deep a search looks; 0 and 0 is exact.

    Attributes:
        nprobe: Cells of an IVF to visit, or efSearch of a graph.
        k_factor: Candidates to rescore, as a multiple of k.
    """

    nprobe: int
    k_factor: int

    @property
    def exact(self) -> bool:
        """Whether every row is compared."""
        return self.nprobe == 0


EXACT = OperatingPoint(0, 0)


class Index(Protocol):
    """Rows that can be searched by inner product.

    Attributes:
        strategy: How it searches when not exact, such as "ivf".
    """

    strategy: str

    def __len__(self) -> int:
        """Return the number of rows."""

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first, with their exact inner products.

        Args:
            queries: (nq, d) float32.
            k: Number of rows.
            point: How deep to look.
            rows: The rows that may be returned, None for all.

        Returns:
            Scores and ids, (nq, k) each; where fewer rows are found, the line ends in -inf and -1.
        """

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the exact inner product of a vector (d,) with each of these rows, with every row if None."""

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d)."""


def open_index(directory: Path, device: str) -> Index:
    """Open the index in a directory on a device: a name in DEVICES, or "module:Class". Raises InvalidSetting."""
    target = DEVICES.get(device, device)
    module, _, name = target.partition(":")
    if not name:
        raise InvalidSetting(f"expected a device of {', '.join(DEVICES)} or module:Class, got {device!r}")
    try:
        opener = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidSetting(f"expected a device of {', '.join(DEVICES)} or module:Class, got {device!r}") from error
    opened: Index = opener(directory)
    return opened
