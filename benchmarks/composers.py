"""Methods to search for a reference with a change: ordinary queries, methods from papers, and the engine's own."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.composition.query_rewriter import QueryRewriter
from engine.composition.title_phrases import phrases_in
from engine.encoders.images import decode
from engine.scoring.query import ImagePart, ItemPart, Part, Query, TextPart, VectorPart
from engine.search.searcher import Searcher

ITEM, PICTURE, STRANGER = REFERENCES = ("item", "its picture", "another product's picture")
"""What a change is asked of. The last is of a product that the store does not hold."""

BLOCKS = ("image", "text")
_PULL = 1.0
_MOST_TRAINED = 3_000


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """A reference and its new value. rows: the attributes of all products."""

    reference: str
    item_id: str
    value: str
    rows: Mapping[str, Mapping[str, str]]

    @property
    def row(self) -> Mapping[str, str]:
        """The attributes of the reference."""
        return self.rows[self.item_id]

    @property
    def change(self) -> str:
        """The change in a shopper's words."""
        return f"in {self.value.lower()}"

    @property
    def data(self) -> bytes:
        """The image of the reference."""
        return Path(self.row["image"]).read_bytes()

    def part(self, weight: float = 1.0, change: str = "") -> Part:
        """Return the reference as a query part."""
        if self.reference == ITEM:
            return ItemPart(self.item_id, weight, change=change)
        return ImagePart(self.data, weight, change=change)


class Method(NamedTuple):
    """A method."""

    name: str
    ask: Callable[[ChangeQuery], Query]


def methods(
    searcher: Searcher,
    rows: Mapping[str, Mapping[str, str]],
    kind: str,
    field: str,
    reference: str,
    held_out: set[str],
) -> list[Method]:
    """Return all methods.

    kind, field: the fields that the judge compares and the composer is fitted to.   held_out: items not to fit to.
    """
    rewriter, titles = QueryRewriter(), Titles(searcher, field)
    composer = Composer.learn(
        searcher, {item_id: row for item_id, row in rows.items() if item_id not in held_out}, kind, field, reference
    )

    def today(query: ChangeQuery) -> Query:
        return Query((query.part(), TextPart(f"but {query.change}")), {"image": 0.7, "text": 0.3})

    def arithmetic(query: ChangeQuery) -> Query:
        old, new = query.row[field].lower(), query.value.lower()
        return Query((query.part(), TextPart(new), TextPart(old, -1.0)), excluded_ids=frozenset({query.item_id}))

    def edited(query: ChangeQuery) -> Query:
        return Query((TextPart(titles.edited(query)),), excluded_ids=frozenset({query.item_id}))

    return [
        Method('both, "but in red", image .7 text .3', today),
        Method('text alone, "in red"', lambda query: Query((TextPart(query.change),))),
        Method(
            'text alone, "red" and the type, told', lambda query: Query((TextPart(f"{query.value} {query.row[kind]}"),))
        ),
        Method("reference - old + new, the old told", arithmetic),
        Method("title or caption, edited, as text (CIReVL)", edited),
        Method("composer learnt by ridge on triplets", composer.ask),
        Method("change", lambda query: rewriter.rewrite(searcher, Query((query.part(change=query.change),)))),
    ]


class Titles:
    """The title of an item, or the embedded model's caption of an image, with the old value replaced."""

    def __init__(self, searcher: Searcher, field: str) -> None:
        from engine.encoders.captioner import open_captioner

        model = searcher.snapshot.manifest.model
        self._captioner = open_captioner(searcher.encoder, "" if model is None else model.model)
        self._changes = QueryRewriter().learn(searcher).changes
        self._field = field

    def edited(self, query: ChangeQuery) -> str:
        """Return the title of the reference, with the new value in place of the old one."""
        title = query.row["title"] if query.reference == ITEM else self._captioner.caption([decode(query.data)])[0]
        change = self._changes.parse(query.change)
        old = phrases_in(title, change.phrases)
        for words in old:
            title = title.replace(words, query.value.lower() if words == old[0] else "")
        return title if old else f"{query.value.lower()} {title}"


class Composer:
    """A linear map, for each block, from the vectors of a reference and a change to the mean of the relevant items.

    Ridge regression on triplets of the store's own items: the minimum that "Combiner" networks learn
    (Baldrati et al., arXiv 2203.02053), in closed form.
    """

    def __init__(self, searcher: Searcher, maps: Mapping[str, NDArray[np.float64]], reference: str) -> None:
        self._searcher = searcher
        self._maps = maps
        self._reference = reference

    @classmethod
    def learn(
        cls, searcher: Searcher, rows: Mapping[str, Mapping[str, str]], kind: str, field: str, reference: str
    ) -> "Composer":
        """Fit to triplets of these rows: an item, and a value of the field that others of its kind have."""
        view = searcher.view
        right: dict[tuple[str, str], list[str]] = defaultdict(list)
        for item_id, row in rows.items():
            if row.get(field):
                right[row[kind], row[field]].append(item_id)
        values: dict[str, list[str]] = defaultdict(list)
        for of_kind, value in right:
            values[of_kind].append(value)
        rng = np.random.default_rng(0)
        vectors = {item_id: view.vectors(view.get_row(item_id)) for item_id in rows}
        sources, targets = [], defaultdict(list)
        said = {value: _said(searcher, value) for _, value in right}
        for item_id in rng.permutation(sorted(rows))[:_MOST_TRAINED].tolist():
            others = [value for value in values[rows[item_id][kind]] if value != rows[item_id].get(field)]
            if not others:
                continue
            value = others[int(rng.integers(len(others)))]
            source = vectors[item_id]
            if not {*BLOCKS} <= {*source}:
                continue
            sources.append(_features(source, said[value], reference))
            found = [vectors[one] for one in right[rows[item_id][kind], value]]
            for block in BLOCKS:
                targets[block].append(np.mean([one[block] for one in found if block in one], axis=0))
        x = np.array(sources, np.float64)
        gram = x.T @ x + _PULL * np.eye(x.shape[1])
        maps: dict[str, NDArray[np.float64]] = {
            block: np.linalg.solve(gram, x.T @ np.array(targets[block], np.float64)).astype(np.float64)
            for block in BLOCKS
        }
        return cls(searcher, maps, reference)

    def ask(self, query: ChangeQuery) -> Query:
        """Return the query of the composed vectors."""
        if query.reference == ITEM:
            source = self._searcher.view.vectors(self._searcher.view.get_row(query.item_id))
        else:
            (spoken,) = self._searcher.encode((ImagePart(query.data),))
            source = dict(spoken.vectors)
        features = _features(source, _said(self._searcher, query.value), self._reference)
        parts = [VectorPart((features @ self._maps[block]).astype(np.float32), block=block) for block in BLOCKS]
        return Query(tuple(parts), excluded_ids=frozenset({query.item_id}))


def _said(searcher: Searcher, value: str) -> NDArray[np.float32]:
    (spoken,) = searcher.encode((TextPart(f"in {value.lower()}"),))
    return spoken.vectors["image"]


def _features(
    source: Mapping[str, NDArray[np.float32]], said: NDArray[np.float32], reference: str
) -> NDArray[np.float64]:
    known: Sequence[str] = BLOCKS if reference == ITEM else ("image",)
    return np.concatenate([*(source[block] for block in known), said, np.ones(1)]).astype(np.float64)
