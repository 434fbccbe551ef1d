"""Builds the index of one stratum: trains it on the rows, fills it on the CPU or a GPU, and writes its files."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting, MissingDependency
from engine.indexes.stored_rows import INDEX_FILE, ROWS_FILE

AUTO = "auto"
FLAT = "Flat"

# Measured on two cores, 512 dimensions, one thread: comparing every float16 row costs 50-110 ns a row, comparing the
# 4-bit codes 3 ns a row plus 20 us for the rescoring. Cells save most of that again, but lose recall where a cell
# holds few rows of each cluster, so only large strata have them.
MIN_CODED_ROWS = 2_000
MIN_CELL_ROWS = 20_000

# Training points for each cell; FAISS warns below 39, and more than this gain nothing measurable.
TRAINING_ROWS_PER_CELL = 64

# Without cells: 256 points for each of the 256 centroids of a byte, beyond which FAISS itself samples.
TRAINING_ROWS = 65_536

_ADD_ROWS = 65_536

# A width with many divisors, so that most factory strings fit it.
_PLAUSIBLE_WIDTH = 960

Report = Callable[[int, int], None]


def choose_factory(count: int, width: int) -> str:
    """Return the factory string for `auto`: Flat while exact search is fastest, then 4-bit codes, then cells."""
    if count < MIN_CODED_ROWS:
        return FLAT
    codes = f"PQ{width // 2}x4fs"
    # r: codes of the residuals to the cell's centre, which are smaller, so the codes are finer.
    return codes if count < MIN_CELL_ROWS else f"IVF{round(math.sqrt(count))},{codes}r"


def check(factory: str, device: str) -> None:
    """Reject early what `write_index` would reject only after all items are embedded.

    Raises:
        InvalidSetting: For an unknown device or a malformed factory string.
        MissingDependency: For "cuda" without a GPU.
    """
    _check_device(device)
    if factory in (AUTO, FLAT):
        return
    try:
        faiss.index_factory(_PLAUSIBLE_WIDTH, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        # Whether a string fits the width depends on the blocks; a typo is wrong for every width.
        if "could not parse" in str(error):
            raise InvalidSetting(f"expected a FAISS factory string, got {factory!r}: {_reason(error)}") from error


def write_index(
    rows: NDArray[np.float16], directory: Path, factory: str, device: str, report: Report, seed: int = 7
) -> str:
    """Write the files of one stratum and return the factory string that was used.

    Args:
        rows: (n, d) stored rows.
        directory: An existing folder.
        factory: "auto" or any FAISS factory string. Candidates are always rescored exactly on the rows, so a Refine in
            the string is ignored.
        device: "cpu" or "cuda".
        report: Is called with the rows done and all rows.
        seed: Seed of the training.

    Raises:
        InvalidSetting: If FAISS rejects the factory string.
        MissingDependency: For "cuda" without a GPU.
    """
    _check_device(device)
    # FAISS keeps this setting for each thread, and a thread that searched is left with 1.
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    count, width = rows.shape
    report(0, count)
    used = choose_factory(count, width) if factory == AUTO else factory
    stored = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index = None if used == FLAT else _train(rows, used, device, seed)
    candidates = None if index is None else _without_refine(index)
    for start in range(0, count, _ADD_ROWS):
        wide = np.asarray(rows[start : start + _ADD_ROWS], dtype=np.float32)
        stored.add(wide)
        if candidates is not None:
            try:
                _add(candidates, wide, device)
            except RuntimeError as error:
                raise InvalidSetting(f"expected an index that takes rows, got {used!r}: {_reason(error)}") from error
        report(min(start + _ADD_ROWS, count), count)
    faiss.write_index(stored, str(directory / ROWS_FILE))
    if candidates is not None:
        try:
            faiss.write_index(candidates, str(directory / INDEX_FILE))
        except RuntimeError as error:
            raise InvalidSetting(f"expected an index that can be written, got {used!r}: {_reason(error)}") from error
    return used


def _train(rows: NDArray[np.float16], factory: str, device: str, seed: int) -> faiss.Index:
    count, width = rows.shape
    try:
        index = faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise InvalidSetting(
            f"expected a FAISS factory string for {width} dimensions, got {factory!r}: {_reason(error)}"
        ) from error
    candidates = _without_refine(index)
    ivf = faiss.try_extract_index_ivf(candidates)
    wanted = min(count, TRAINING_ROWS if ivf is None else TRAINING_ROWS_PER_CELL * ivf.nlist)
    chosen = np.sort(np.random.default_rng(seed).choice(count, wanted, replace=False))
    # Kept in a variable: FAISS only gets a pointer to it.
    clustering = _on_gpu(faiss.IndexFlatIP(ivf.d)) if ivf is not None and device == "cuda" else None
    if ivf is not None:
        ivf.cp.seed = seed
        ivf.cp.min_points_per_centroid = 1
        ivf.clustering_index = clustering
    try:
        candidates.train(np.asarray(rows[chosen], dtype=np.float32))
    except RuntimeError as error:
        raise InvalidSetting(
            f"expected an index that {count} rows can train, got {factory!r}: {_reason(error)}"
        ) from error
    if ivf is not None:
        ivf.clustering_index = None
    return index


def _without_refine(index: faiss.Index) -> faiss.Index:
    """Return the part that finds candidates; `index` owns it (detaching it crashes FAISS 1.15)."""
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


def _add(index: faiss.Index, rows: NDArray[np.float32], device: str) -> None:
    ivf = faiss.try_extract_index_ivf(index) if device == "cuda" else None
    if ivf is None:
        index.add(rows)
        return
    # Only the assignment to cells is expensive, and only the quantiser does it, so a GPU copy replaces it here.
    quantizer = ivf.quantizer
    on_gpu = _on_gpu(quantizer)
    ivf.quantizer = on_gpu
    try:
        index.add(rows)
    finally:
        ivf.quantizer = quantizer


def _check_device(device: str) -> None:
    if device == "cuda":
        _require_gpu()
    elif device != "cpu":
        raise InvalidSetting(f"expected a device of cpu, cuda, got {device!r}")


def _reason(error: RuntimeError) -> str:
    return str(error).rsplit("Error: ", 1)[-1].strip()


def _on_gpu(index: faiss.Index) -> faiss.Index:
    return faiss.index_cpu_to_all_gpus(index)


def _require_gpu() -> None:
    if not hasattr(faiss, "StandardGpuResources") or faiss.get_num_gpus() == 0:
        raise MissingDependency("expected a GPU that FAISS can see for --device cuda, got none; run with --device cpu")
