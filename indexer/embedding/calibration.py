"""Calibrate scores: the mean and spread of a catalogue's similarities and signals, so a score says how unusual it is.

Each kind of part is calibrated on what the catalogue has of that kind: item texts stand for text queries, item images
for image queries. Without this the modality gap decides: text-to-text cosines drown text-to-image ones.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.scoring.fusion import Calibration, Moments
from engine.scoring.vectors import to_unit

SAMPLE = 1_024

# A catalogue of near duplicates has hardly any spread; dividing by less than this would only magnify rounding.
MIN_STD = 1e-3

Half = NDArray[np.float16]
Probes = Mapping[str, Callable[[], NDArray[np.float32]]]


def calibrate(
    blocks: Mapping[str, Half],
    present: Mapping[str, NDArray[np.bool_]],
    encoded: frozenset[str],
    signals: Mapping[str, NDArray[np.float32]],
    probes: Probes,
    seed: int = 7,
) -> Calibration:
    """Return the moments of each kind of part against each block it is compared with, and of each signal.

    Args:
        blocks: Name → (n, d_b) unit rows, zero where `present` is False.
        present: Name → (n,) which items have the block.
        encoded: The blocks that one encoder produced.
        signals: Name → (n,) values, NaN where missing.
        probes: "text" and "image" → a function that returns encoded vectors of that kind; called only where the
            catalogue has none.
        seed: Seed of the sample.
    """
    rng = np.random.default_rng(seed)
    samples = {name: _sample(present[name], rng) for name in blocks}
    similarities: dict[tuple[str, str], Moments] = {}
    for block, ids in samples.items():
        own = _moments(blocks[block], ids, blocks[block], ids)
        similarities["item", block] = similarities["vector", block] = own
    for kind, probe in probes.items():
        if kind in encoded and len(samples[kind]) > 1:
            rows, row_ids = blocks[kind], samples[kind]
        else:
            rows = probe().astype(np.float16)
            row_ids = -1 - np.arange(len(rows))  # negative, so that no probe equals an item
        # Sorted, since the manifest keeps this order and a set's order depends on the hash seed.
        for block in sorted(encoded):
            similarities[kind, block] = _moments(rows, row_ids, blocks[block], samples[block])
    return Calibration(similarities, {name: signal_moments(values) for name, values in signals.items()})


def signal_moments(values: NDArray[np.float32]) -> Moments:
    """Return mean and standard deviation of the finite values; 0 and 1 if there are none, and 1 for no spread."""
    known = values[np.isfinite(values)].astype(np.float64)
    if len(known) == 0:
        return Moments(0.0, 1.0)
    std = float(known.std())
    return Moments(float(known.mean()), std if std > 0 else 1.0)


def _sample(present: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    rows_present = np.flatnonzero(present)
    return np.sort(rng.choice(rows_present, min(SAMPLE, len(rows_present)), replace=False))


def _moments(queries: Half, query_ids: NDArray[np.int64], rows: Half, row_ids: NDArray[np.int64]) -> Moments:
    products = to_unit(queries[query_ids]) @ to_unit(rows[row_ids]).T
    others = products[query_ids[:, None] != row_ids[None, :]].astype(np.float64)
    if len(others) < 2:
        return Moments(0.0, 1.0)
    return Moments(float(others.mean()), max(float(others.std()), MIN_STD))
