"""Encodes the parts of a query (texts, images, items, vectors, tastes) as one vector for each block.

Search calls encoders only here, so the later steps depend on no model.
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
    """Encodes query parts for one snapshot by its encoders, None where it was built without; safe to share.

    Attributes:
        blocks: Everything that a part can address: the blocks of vectors, and the lexical block if there is one.
    """

    def __init__(self, snapshot: Snapshot, encoder: Encoder | None, text_encoder: Encoder | None = None) -> None:
        self._snapshot = snapshot
        self._encoder = encoder
        self._text_encoder = text_encoder
        self._encoded = snapshot.manifest.encoded_blocks
        self._text_encoded = snapshot.manifest.text_encoded_blocks
        self.blocks = (*snapshot.dims, *([LEXICAL] if snapshot.lexical is not None else []))

    def encode(
        self,
        parts: Sequence[Part],
        view: ReadView,
        weights: Mapping[str, float] | None = None,
        weights_by_kind: Mapping[str, Mapping[str, float]] | None = None,
    ) -> list[EncodedPart]:
        """Return each part as one unit vector for each block that it addresses.

        Args:
            parts: The parts of one query.
            view: Holds the items that parts name.
            weights: Block weights as `compose` takes them; an encoder whose blocks all weigh 0 is not called. None
                calls every encoder.
            weights_by_kind: Block weights by kind of part, as `compose` takes them.

        Raises:
            InvalidQuery: For a part that cannot be encoded; its field is that of the part.
            ItemNotFound: For a part that names an item that does not exist.
        """
        encoded = self._run_encoders(parts, weights, weights_by_kind or {})
        return [self._encode_part(part, index, encoded.get(index, {}), view) for index, part in enumerate(parts)]

    def _encode_part(self, part: Part, index: int, encoded: dict[str, Matrix], view: ReadView) -> EncodedPart:
        """Return one part. encoded: the vectors of a text or an image."""
        field = f"parts[{index}]"
        words = ""
        if part.block and part.block not in self.blocks:
            raise UnknownBlock(part.block, self.blocks, f"{field}.block")
        if isinstance(part, ImagePart | ItemPart) and part.change:
            raise NotSupported("expected a part without a change: engine.composition rewrites those", field)
        if isinstance(part, VectorPart):
            kind, vectors = "vector", self._encode_vector(part, field)
        elif isinstance(part, ItemPart):
            kind, vectors = "item", _read_item(view, part, field)
        elif isinstance(part, TastePart):
            kind, vectors = TASTE, self._encode_taste(part, field)
        elif isinstance(part, UserPart):
            raise NotSupported("expected a shopper's taste, got an id: no events are at hand here", field)
        elif isinstance(part, TextPart):
            kind, vectors = "text", encoded
            words = part.text if LEXICAL in self.blocks and part.block in ("", LEXICAL) else ""
        else:
            kind, vectors = "image", encoded
        if part.block:
            if part.block not in vectors and not words:
                raise InvalidQuery(f"expected a part that can address block {part.block!r}, got {kind}", field)
            vectors = {block: vector for block, vector in vectors.items() if block == part.block}
        weight = check_weight(part.weight, f"{field}.weight")
        return EncodedPart(kind, weight, vectors, words, aimed=bool(part.block))

    def encode_query(
        self,
        query: Query,
        view: ReadView,
        weights: Mapping[str, float],
        weights_by_kind: Mapping[str, Mapping[str, float]] | None = None,
    ) -> list[EncodedPart]:
        """Return the encoded parts of a query.

        An item part asks for items that are like it, not for what its buyers buy, so it addresses the behaviour block
        only if the query names or weighs that block.
        """
        encoded = self.encode(query.parts, view, weights, weights_by_kind)
        if BEHAVIOUR not in self.blocks or query.modality_weights:
            return encoded
        return [
            replace(part, vectors={block: vector for block, vector in part.vectors.items() if block != BEHAVIOUR})
            if isinstance(source, ItemPart) and source.block != BEHAVIOUR
            else part
            for source, part in zip(query.parts, encoded, strict=True)
        ]

    def _encode_vector(self, part: VectorPart, field: str) -> dict[str, Matrix]:
        dims = self._snapshot.dims
        blocks = [part.block] if part.block in dims else [block for block in dims if dims[block] == len(part.values)]
        if not blocks or dims[blocks[0]] != len(part.values):
            raise DimensionMismatch(
                dims.get(part.block, next(iter(dims.values()))), len(part.values), f"{field}.vector"
            )
        return dict.fromkeys(blocks, to_query(part.values, f"{field}.vector"))

    def _encode_taste(self, part: TastePart, field: str) -> dict[str, Matrix]:
        for block, vector in part.vectors.items():
            if block not in self._snapshot.dims:
                raise UnknownBlock(block, self._snapshot.dims, field)
            if len(vector) != self._snapshot.dims[block]:
                raise DimensionMismatch(self._snapshot.dims[block], len(vector), field)
        return dict(part.vectors)

    def _run_encoders(
        self,
        parts: Sequence[Part],
        weights: Mapping[str, float] | None,
        weights_by_kind: Mapping[str, Mapping[str, float]],
    ) -> dict[int, dict[str, Matrix]]:
        """Return the vectors of each text and image part by block, by the part's index."""
        texts = [(index, part.text) for index, part in enumerate(parts) if isinstance(part, TextPart)]
        images = [(index, part.data) for index, part in enumerate(parts) if isinstance(part, ImagePart)]
        if not texts and not images:
            return {}
        encoded: dict[int, dict[str, Matrix]] = {index: {} for index, _ in (*texts, *images)}
        if images and self._encoder is None:
            raise NoEncoder(f"parts[{images[0][0]}]")
        if texts and self._encoder is None and self._text_encoder is None and LEXICAL not in self.blocks:
            raise NoEncoder(f"parts[{texts[0][0]}]")
        for encoder, blocks in ((self._encoder, self._encoded), (self._text_encoder, self._text_encoded)):
            if texts and encoder is not None and _counts(blocks, "text", parts, weights, weights_by_kind):
                for (index, _), row in zip(texts, encoder.encode_texts([text for _, text in texts]), strict=True):
                    encoded[index] |= dict.fromkeys(blocks, row)
        if images and self._encoder is not None and _counts(self._encoded, "image", parts, weights, weights_by_kind):
            # One image may stand in several parts, each of which addresses another block.
            decoded: dict[bytes, Image] = {}
            for index, data in images:
                if data not in decoded:
                    decoded[data] = _decode(data, index)
            rows = dict(zip(decoded, self._encoder.encode_images(list(decoded.values())), strict=True))
            for index, data in images:
                encoded[index] = dict.fromkeys(self._encoded, rows[data])
        return encoded


def _counts(
    blocks: Sequence[str],
    kind: str,
    parts: Sequence[Part],
    weights: Mapping[str, float] | None,
    weights_by_kind: Mapping[str, Mapping[str, float]],
) -> bool:
    """Return whether any of these blocks can add to the score of a kind of part, or a part addresses one by name."""
    if weights is None or {part.block for part in parts} & {*blocks}:
        return True
    own = weights_by_kind.get(kind, {})
    return any(own.get(block, weights[block]) > 0 for block in blocks)


def _read_item(view: ReadView, part: ItemPart, field: str) -> dict[str, Matrix]:
    try:
        return view.vectors(view.get_row(part.item_id))
    except ItemNotFound as error:
        raise error.at(f"{field}.item_id") from error


def _decode(data: bytes, index: int) -> Image:
    try:
        return decode(data)
    except InvalidQuery as error:
        raise error.at(f"parts[{index}].image") from error
