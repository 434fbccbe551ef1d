"""What the parts of a query say (a text, a picture, an item, a vector, a taste), as vectors of blocks.

Only here are encoders asked by a search, so what follows needs to know of no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL.Image import Image

from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import DimensionMismatch, InvalidQuery, ItemNotFound, NoEncoder, NotSupported, UnknownBlock
from engine.scoring.fusion import BEHAVIOUR, LEXICAL, TASTE, EncodedPart, Matrix, check_weight
from engine.scoring.query import ImagePart, ItemPart, Part, Query, TastePart, TextPart, UserPart, VectorPart
from engine.scoring.vectors import to_query
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot


class QueryEncoder:
    """Says the parts of queries to the blocks of a snapshot, by its encoders (None where it was built without).

    Any number of threads may ask.
    """

    def __init__(self, snapshot: Snapshot, encoder: Encoder | None, text_encoder: Encoder | None = None) -> None:
        self._snapshot = snapshot
        self._encoder = encoder
        self._text_encoder = text_encoder
        self._encoded = snapshot.manifest.encoded_blocks
        self._text_encoded = snapshot.manifest.text_encoded_blocks
        self.blocks = (*snapshot.dims, *([LEXICAL] if snapshot.lexical is not None else []))
        """What a part can speak to."""

    def speak(
        self,
        parts: Sequence[Part],
        view: ReadView,
        weights: Mapping[str, float] | None = None,
        part_weights: Mapping[str, Mapping[str, float]] | None = None,
    ) -> list[EncodedPart]:
        """Return each part as one unit vector for each block that it speaks to.

        weights, part_weights: what blocks weigh, as `compose` takes them; an encoder whose blocks all weigh nothing is
        not asked.
        """
        encoded = self._encode(parts, weights, part_weights or {})
        spoken = []
        for place, part in enumerate(parts):
            field = f"parts[{place}]"
            words = ""
            if part.block and part.block not in self.blocks:
                raise UnknownBlock(part.block, self.blocks, f"{field}.block")
            if isinstance(part, ImagePart | ItemPart) and part.change:
                raise NotSupported("expected a part without a change: engine.composition rewrites those", field)
            if isinstance(part, VectorPart):
                kind, vectors = "vector", self._of_vector(part, field)
            elif isinstance(part, ItemPart):
                kind, vectors = "item", _of_item(view, part, field)
            elif isinstance(part, TastePart):
                kind, vectors = TASTE, self._of_taste(part, field)
            elif isinstance(part, UserPart):
                raise NotSupported("expected a shopper's taste, got an id: no events are at hand here", field)
            elif isinstance(part, TextPart):
                kind, vectors = "text", encoded[place]
                words = part.text if LEXICAL in self.blocks and part.block in ("", LEXICAL) else ""
            else:
                kind, vectors = "image", encoded[place]
            if part.block:
                if part.block not in vectors and not words:
                    raise InvalidQuery(f"expected a part that speaks to block {part.block!r}, got {kind}", field)
                vectors = {block: vector for block, vector in vectors.items() if block == part.block}
            weight = check_weight(part.weight, f"{field}.weight")
            spoken.append(EncodedPart(kind, weight, vectors, words, aimed=bool(part.block)))
        return spoken

    def speak_query(
        self,
        query: Query,
        view: ReadView,
        weights: Mapping[str, float],
        part_weights: Mapping[str, Mapping[str, float]] | None = None,
    ) -> list[EncodedPart]:
        """Return the parts of a query once encoded.

        Who asks for items like another means what it is, not who buys it, unless they weigh or name that block.
        """
        spoken = self.speak(query.parts, view, weights, part_weights)
        if BEHAVIOUR not in self.blocks or query.modality_weights:
            return spoken
        return [
            replace(said, vectors={block: vector for block, vector in said.vectors.items() if block != BEHAVIOUR})
            if isinstance(part, ItemPart) and part.block != BEHAVIOUR
            else said
            for part, said in zip(query.parts, spoken, strict=True)
        ]

    def _of_vector(self, part: VectorPart, field: str) -> dict[str, Matrix]:
        dims = self._snapshot.dims
        blocks = [part.block] if part.block in dims else [block for block in dims if dims[block] == len(part.values)]
        if not blocks or dims[blocks[0]] != len(part.values):
            raise DimensionMismatch(
                dims.get(part.block, next(iter(dims.values()))), len(part.values), f"{field}.vector"
            )
        return dict.fromkeys(blocks, to_query(part.values, f"{field}.vector"))

    def _of_taste(self, part: TastePart, field: str) -> dict[str, Matrix]:
        for block, vector in part.vectors.items():
            if block not in self._snapshot.dims:
                raise UnknownBlock(block, self._snapshot.dims, field)
            if len(vector) != self._snapshot.dims[block]:
                raise DimensionMismatch(self._snapshot.dims[block], len(vector), field)
        return dict(part.vectors)

    def _encode(
        self,
        parts: Sequence[Part],
        weights: Mapping[str, float] | None,
        part_weights: Mapping[str, Mapping[str, float]],
    ) -> dict[int, dict[str, Matrix]]:
        """Return what each text and image part says to each block that it speaks to, by the part's place."""
        if not any(isinstance(part, (TextPart, ImagePart)) for part in parts):
            return {}
        texts = [(place, part.text) for place, part in enumerate(parts) if isinstance(part, TextPart)]
        images = [(place, part.data) for place, part in enumerate(parts) if isinstance(part, ImagePart)]
        spoken: dict[int, dict[str, Matrix]] = {place: {} for place, _ in (*texts, *images)}
        if images and self._encoder is None:
            raise NoEncoder(f"parts[{images[0][0]}]")
        if texts and self._encoder is None and self._text_encoder is None and LEXICAL not in self.blocks:
            raise NoEncoder(f"parts[{texts[0][0]}]")
        for encoder, blocks in ((self._encoder, self._encoded), (self._text_encoder, self._text_encoded)):
            if texts and encoder is not None and _heard(blocks, "text", parts, weights, part_weights):
                for (place, _), row in zip(texts, encoder.encode_texts([text for _, text in texts]), strict=True):
                    spoken[place] |= dict.fromkeys(blocks, row)
        if images and self._encoder is not None and _heard(self._encoded, "image", parts, weights, part_weights):
            # One picture may be several parts, each aimed at a block.
            pictures: dict[bytes, Image] = {}
            for place, data in images:
                if data not in pictures:
                    pictures[data] = _picture(data, place)
            rows = dict(zip(pictures, self._encoder.encode_images(list(pictures.values())), strict=True))
            for place, data in images:
                spoken[place] = dict.fromkeys(self._encoded, rows[data])
        return spoken


def _heard(
    blocks: Sequence[str],
    kind: str,
    parts: Sequence[Part],
    weights: Mapping[str, float] | None,
    part_weights: Mapping[str, Mapping[str, float]],
) -> bool:
    """Return whether what a kind of part says to these blocks can count, or a part is aimed at one of them."""
    if weights is None or {part.block for part in parts} & {*blocks}:
        return True
    own = part_weights.get(kind, {})
    return any(own.get(block, weights[block]) > 0 for block in blocks)


def _of_item(view: ReadView, part: ItemPart, field: str) -> dict[str, Matrix]:
    try:
        return view.vectors(view.row_of(part.item_id))
    except ItemNotFound as error:
        raise error.at(f"{field}.item_id") from error


def _picture(data: bytes, place: int) -> Image:
    try:
        return decode(data)
    except InvalidQuery as error:
        raise error.at(f"parts[{place}].image") from error
