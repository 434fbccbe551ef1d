"""The seam between the engine and whatever holds the rows: four members, so that another home is a small file.

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

HOMES = {
    "cpu": "engine.indexes.cpu:CpuIndex",
    "cuda": "engine.indexes.cuda:CudaIndex",
}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How deep to look. `nprobe`: cells of an IVF, or efSearch of a graph; `k_factor`: candidates rescored, in k.

    0 and 0 is exact: every row is compared.
    """

    nprobe: int
    k_factor: int

    @property
    def exact(self) -> bool:
        """Whether every row is compared."""
        return self.nprobe == 0


EXACT = OperatingPoint(0, 0)


class Index(Protocol):
    """Rows that can be searched by inner product."""

    strategy: str
    """The name of the way it searches when not exact, such as "ivf"."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first, with their exact inner products.

        queries: (nq, d).   rows: those that may answer, None for all.
        Returns scores, ids: (nq, k); short rows end in -inf, -1.
        """

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the exact inner product of a vector (d,) with each of these rows, with every row if None."""

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d)."""


def open_index(directory: Path, device: str) -> Index:
    """Return the index whose files lie in `directory`, served from `device`: a name of HOMES, or "module:Class"."""
    home = HOMES.get(device, device)
    module, _, name = home.partition(":")
    if not name:
        raise InvalidSetting(f"expected a device of {', '.join(HOMES)} or module:Class, got {device!r}")
    try:
        opener = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidSetting(f"expected a device of {', '.join(HOMES)} or module:Class, got {device!r}") from error
    opened: Index = opener(directory)
    return opened
