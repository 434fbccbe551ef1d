"""The data of the benchmarks: clustered vectors as a catalogue of any size, real catalogues, and queries for both.

Everything is generated from a seed and kept in a folder named after its parameters, so that results can be reproduced.
"""

import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.errors import InvalidCatalogue, InvalidSetting
from engine.scoring.query import ItemPart, Part, VectorPart

DATA = Path("bench-data")
"""Default folder of generated catalogues and their stores, in the current folder; ignored by git."""

BLOCKS = ("image", "text")
SIGNALS = ("rating", "popularity")

AGREEING = "agreeing"
COMPOSED = "composed"
ITEM = "item"
QUERY_KINDS = (AGREEING, COMPOSED, ITEM, *BLOCKS)
"""Image and text of one item; image and text of two items; an item by its id; one block. Vectors are noisy."""

QUERY_NOISE = 0.75

# Increased when the same parameters generate different data.
_RECIPE = 3

_CHUNK_ROWS = 8_192

Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clustered:
    """The parameters of a generated catalogue: items around cluster centres, clusters around category centres.

    A few clusters are large and many small. Two columns are for filters, both uniform in [0, 1): `shuffle`
    is independent of the vectors; by `shelf`, items of a cluster are adjacent, as are clusters of a category.

    Attributes:
        count: Number of items.
        dim: Dimension of each block.
        clusters: Number of clusters.
        categories: Number of categories.
        noise: Length of an item's own direction, relative to that of its cluster.
        agreement: Share of items whose text is in the cluster of their image; the text of the others is in any cluster
            of the same category.
        missing: Share of items that lack one block, half of them the image.
        seed: Seed of the generator.
    """

    count: int = 100_000
    dim: int = 256
    clusters: int = 1_000
    categories: int = 20
    noise: float = 1.0
    agreement: float = 0.7
    missing: float = 0.2
    seed: int = 1

    @property
    def name(self) -> str:
        """A folder name that is unique to these parameters."""
        # Integers as they are, since :g keeps only six digits.
        values = {key: value if isinstance(value, int) else f"{value:g}" for key, value in asdict(self).items()}
        return f"clustered-{_RECIPE}-" + "-".join(f"{key}{value}" for key, value in values.items())


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a catalogue, the first of which is row `start`.

    blocks: (m, d_b) unit rows, zero where an item has none.   present: (m,).   signals: (m,), NaN where missing.
    """

    start: int
    item_ids: list[str]
    blocks: Mapping[str, Wide]
    present: Mapping[str, NDArray[np.bool_]]
    signals: Mapping[str, Wide]


def clustered(made: Clustered, data: Path = DATA) -> Path:
    """Return the Parquet file of a clustered catalogue, generated if it does not exist."""
    if made.count < 1 or not 0 <= made.missing <= 1 or made.noise < 0 or min(made.clusters, made.categories) < 1:
        raise InvalidSetting(
            f"expected at least one item, cluster and category and a share of missing blocks, got {made}"
        )
    path = data / made.name / "catalogue.parquet"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with pq.ParquetWriter(temporary, _schema(made.dim)) as writer:
        for table in _tables(made):
            writer.write_table(table)
    temporary.replace(path)
    return path


def real(folder: Path, data: Path = DATA) -> Path:
    """Return the catalogue file of a folder of real products. Images in tar files are unpacked into `data`.

    Raises InvalidCatalogue if the folder has no catalog.csv.
    """
    source = folder / "catalog.csv"
    if not source.is_file():
        raise InvalidCatalogue(f"expected a catalog.csv in {folder}, got none")
    archives = sorted(folder.glob("*.tar"))
    if not archives:
        return source
    unpacked = data / folder.name
    if not (unpacked / source.name).is_file():
        unpacked.mkdir(parents=True, exist_ok=True)
        for archive in archives:
            with tarfile.open(archive) as file:
                file.extractall(unpacked, filter="data")
        # The catalogue is written last: if it exists, the images are complete.
        shutil.copyfile(source, unpacked / source.name)
    return unpacked / source.name


def chunks(catalogue: Path, signals: tuple[str, ...] = SIGNALS) -> Iterator[Chunk]:
    """Yield a catalogue with its own vectors, some thousand rows at a time.

    Raises InvalidCatalogue if it is not such a Parquet file.
    """
    try:
        file = pq.ParquetFile(catalogue)
    except (pa.ArrowException, OSError) as error:
        raise InvalidCatalogue(f"expected a Parquet catalogue at {catalogue}, got {error}") from error
    with file:
        names = file.schema_arrow.names
        blocks = [block for block in BLOCKS if f"{block}_vector" in names]
        if not blocks:
            raise InvalidCatalogue(f"expected image_vector or text_vector in {catalogue}, got {', '.join(names)}")
        wanted = ["item_id", *(f"{block}_vector" for block in blocks), *signals]
        start = 0
        for batch in file.iter_batches(_CHUNK_ROWS, columns=wanted):
            vectors = {block: _unit_rows(batch.column(f"{block}_vector")) for block in blocks}
            yield Chunk(
                start=start,
                item_ids=batch.column("item_id").to_pylist(),
                blocks={block: rows for block, (rows, _) in vectors.items()},
                present={block: there for block, (_, there) in vectors.items()},
                signals={
                    name: batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in signals
                },
            )
            start += len(batch)


def draw(catalogue: Path, kind: str, count: int, seed: int, noise: float = QUERY_NOISE) -> list[tuple[Part, ...]]:
    """Return the parts of `count` queries of one of QUERY_KINDS, generated from the catalogue's own items.

    The vector of a part is that of an item plus a random direction of length `noise`. Raises InvalidSetting for an
    unknown kind, or if no item has the blocks it needs.
    """
    rng, rows = _choose(catalogue, kind, count, seed)
    if kind == ITEM:
        item_ids = [item_id for chunk in chunks(catalogue, ()) for item_id in chunk.item_ids]
        return [(ItemPart(item_ids[row]),) for row in rows[BLOCKS[0]].tolist()]
    vectors = {block: _noisy(picked, noise, rng) for block, picked in _pick(catalogue, rows).items()}
    return [tuple(VectorPart(vectors[block][index], block=block) for block in rows) for index in range(count)]


def drawn_rows(catalogue: Path, kind: str, count: int, seed: int) -> NDArray[np.int64]:
    """Return the catalogue row that `draw` generated the first part of each query from."""
    return next(iter(_choose(catalogue, kind, count, seed)[1].values()))


def column(catalogue: Path, name: str) -> Wide:
    """Return the values of a numeric column, NaN where missing."""
    return _numbers(pq.read_table(catalogue, columns=[name])[name].combine_chunks())


def _choose(
    catalogue: Path, kind: str, count: int, seed: int
) -> tuple[np.random.Generator, dict[str, NDArray[np.int64]]]:
    """Return, by block, the rows that queries are generated from, and the generator of their noise."""
    if kind not in QUERY_KINDS:
        raise InvalidSetting(f"expected a kind of query out of {', '.join(QUERY_KINDS)}, got {kind!r}")
    rng = np.random.default_rng([seed, QUERY_KINDS.index(kind)])
    blocks = (kind,) if kind in BLOCKS else BLOCKS
    there = _present(catalogue, blocks)
    both = np.logical_and.reduce(list(there.values()))
    rows: dict[str, NDArray[np.int64]] = {}
    for block in blocks:
        able = np.flatnonzero(there[block] if kind == COMPOSED else both)
        if len(able) == 0:
            raise InvalidSetting(f"expected an item with {' and '.join(blocks)} in {catalogue}, got none")
        rows[block] = able[rng.integers(len(able), size=count)] if kind == COMPOSED or not rows else rows[blocks[0]]
    return rng, rows


def _present(catalogue: Path, blocks: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Return, by block, which rows have it."""
    there: dict[str, list[NDArray[np.bool_]]] = {block: [] for block in blocks}
    with pq.ParquetFile(catalogue) as file:
        for batch in file.iter_batches(_CHUNK_ROWS, columns=[f"{block}_vector" for block in blocks]):
            for block in blocks:
                valid = batch.column(f"{block}_vector").is_valid()
                there[block].append(valid.to_numpy(zero_copy_only=False))
    return {block: np.concatenate(parts) for block, parts in there.items()}


def _pick(catalogue: Path, rows: Mapping[str, NDArray[np.int64]]) -> dict[str, Wide]:
    """Return, by block, the vectors of these rows."""
    picked: dict[str, Wide] = {}
    for chunk in chunks(catalogue, ()):
        for block, wanted in rows.items():
            here = chunk.blocks[block]
            if block not in picked:
                picked[block] = np.empty((len(wanted), here.shape[1]))
            inside = (wanted >= chunk.start) & (wanted < chunk.start + len(here))
            picked[block][inside] = here[wanted[inside] - chunk.start]
    return {block: picked[block] for block in rows}


def _noisy(rows: Wide, noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
    return _unit(rows + noise * _unit(rng.standard_normal(rows.shape))).astype(np.float32)


def _unit(rows: Wide) -> Wide:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Wide = rows / np.where(lengths == 0, 1.0, lengths)
    return unit


def _unit_rows(column: "pa.Array") -> tuple[Wide, NDArray[np.bool_]]:
    there = column.is_valid().to_numpy(zero_copy_only=False)
    flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    width = len(flat) // int(there.sum()) if there.any() else column.type.list_size
    rows = np.zeros((len(column), width))
    rows[there] = flat.reshape(-1, width)
    return _unit(rows), there


def _numbers(column: "pa.Array") -> Wide:
    numbers: Wide = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers


def _schema(dim: int) -> "pa.Schema":
    vector = pa.list_(pa.float32(), dim)
    return pa.schema([
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("category", pa.string()),
        ("price", pa.float64()),
        ("rating", pa.float64()),
        ("popularity", pa.float64()),
        ("cluster", pa.int64()),
        ("shelf", pa.float64()),
        ("shuffle", pa.float64()),
        ("image_vector", vector),
        ("text_vector", vector),
    ])  # fmt: skip


def _tables(made: Clustered) -> Iterator["pa.Table"]:
    rng = np.random.default_rng(made.seed)
    category_of = rng.integers(made.categories, size=made.clusters)
    members = np.bincount(category_of, minlength=made.categories)
    first = np.cumsum(members) - members
    shares = 1.0 / (np.arange(made.clusters) + 10.0) ** 0.8
    shares /= shares.sum()
    along = np.argsort(category_of, kind="stable")
    shelf_of = np.empty(made.clusters)
    shelf_of[along] = np.cumsum(shares[along]) - shares[along]
    # A separate generator, so that the vectors equal those of a catalogue without these columns.
    aside = np.random.default_rng([made.seed, 1])
    centres = {}
    for block in BLOCKS:
        categories = _unit(rng.standard_normal((made.categories, made.dim)))
        own = _unit(rng.standard_normal((made.clusters, made.dim)))
        centres[block] = _unit(0.7 * categories[category_of] + own)
    for start in range(0, made.count, _CHUNK_ROWS):
        size = min(_CHUNK_ROWS, made.count - start)
        cluster = rng.choice(made.clusters, size, p=shares)
        other = np.argsort(category_of, kind="stable")[
            first[category_of[cluster]] + (rng.random(size) * members[category_of[cluster]]).astype(np.int64)
        ]
        cluster_of = {"image": cluster, "text": np.where(rng.random(size) < made.agreement, cluster, other)}
        lot = rng.random(size)
        lacks = {"image": lot < made.missing / 2, "text": (lot >= made.missing / 2) & (lot < made.missing)}
        columns = {
            "item_id": pa.array([f"p{row:07d}" for row in range(start, start + size)]),
            "title": pa.array([f"Product {row} of cluster {c}" for row, c in enumerate(cluster.tolist(), start)]),
            "category": pa.array([f"category-{category:02d}" for category in category_of[cluster].tolist()]),
            "price": pa.array(np.round(np.exp(rng.normal(3.5, 0.9, size)), 2)),
            "rating": pa.array(np.round(np.clip(rng.normal(4.0, 0.6, size), 1, 5), 1)),
            "popularity": pa.array(np.round(rng.normal(2.0, 1.0, size), 4), mask=rng.random(size) < 0.05),
            "cluster": pa.array(cluster),
            "shelf": pa.array(np.clip(shelf_of[cluster] + shares[cluster] * aside.random(size), 0, np.nextafter(1, 0))),
            "shuffle": pa.array(aside.random(size)),
        }
        for block in BLOCKS:
            own = made.noise * _unit(rng.standard_normal((size, made.dim)))
            rows = _unit(centres[block][cluster_of[block]] + own).astype(np.float32)
            columns[f"{block}_vector"] = pa.FixedSizeListArray.from_arrays(
                pa.array(rows.ravel()), made.dim, mask=pa.array(lacks[block])
            )
        yield pa.table(columns, schema=_schema(made.dim))
