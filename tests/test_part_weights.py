"""What kinds of parts weigh blocks: the score by hand, what requests say against it, and what a build learns."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.encoders.encoder import ModelSpec
from engine.encoders.images import decode
from engine.errors import InvalidQuery
from engine.scoring.fusion import LEXICAL, Calibration, EncodedPart, Moments, compose, stratum_scale
from engine.scoring.query import ImagePart, Missing, Query, TextPart
from engine.search.searcher import Searcher
from engine.server.codec.index_messages import to_index
from engine.snapshot.manifest import Manifest, parse, render
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.default_weights import DefaultWeights, StoredWeights, apply_stored, model_digests
from indexer.build.gates import GateInputs, image_probe_gate, text_probe_gate
from indexer.build.report import notices, report, to_lines
from indexer.embedding.models import BuildModels
from indexer.probing.part_weights import categories_of
from indexer.probing.probes import Probes, ProductReservoir, changed, text_probes, without
from indexer.probing.similarity_weights import ProbeScores, alone, fit, measure
from indexer.progress import no_progress
from tests.support.catalogs import Plain, write_lines

COUNT = 120
COLOURS = ("red", "green", "blue", "white", "black", "brown")
KINDS = ("mug", "lamp", "chair", "shoe", "bag")

CALIBRATION = Calibration(
    {(kind, block): Moments(0.0, 1.0) for kind in ("text", "image") for block in ("image", "text", LEXICAL)}, {}
)
ACROSS, UP = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
LEARNT = {"text": {"image": 0.1, "text": 0.2, LEXICAL: 1.0}, "image": {"image": 1.0, "text": 0.0}}
ALIKE = {"image": 0.5, "text": 0.5, LEXICAL: 1.0}
WORDS = EncodedPart("text", 1.0, {"image": ACROSS, "text": UP}, "mug")
PICTURE = EncodedPart("image", 3.0, {"image": UP, "text": ACROSS})


def composed(*parts: EncodedPart, missing: Missing = Missing.RENORMALIZE):
    return compose(parts, ALIKE, CALIBRATION, {}, missing, LEARNT)


def test_each_part_is_weighed_by_its_kind() -> None:
    """By hand: a text gives .1 and .2 of itself to the blocks, a picture of weight 3 three times 1 and nothing."""
    query = composed(WORDS, PICTURE)
    np.testing.assert_allclose(query.vectors["image"], [0.1, 3.0])
    np.testing.assert_allclose(query.vectors["text"], [0.0, 0.2])
    assert query.words == ((1.0, "mug"),)


def test_blocks_weigh_their_mean_over_the_parts() -> None:
    """(1 * .1 + 3 * 1) / 4 for pictures; an item without a picture is scaled by what it lacks of all."""
    query = composed(WORDS, PICTURE)
    assert query.weights == pytest.approx({"image": 3.1 / 4, "text": 0.2 / 4, LEXICAL: 1 / 4})
    total = 3.1 + 0.2 + 1.0
    assert stratum_scale(query, ("text", LEXICAL)) == pytest.approx(total / 1.2)
    assert stratum_scale(composed(PICTURE), ("text",)) is None


def test_a_part_aimed_at_a_block_is_heard() -> None:
    """A picture tells nothing in the text block, but who names the block gets it, with the weight for all kinds."""
    aimed = replace(PICTURE, vectors={"text": ACROSS}, aimed=True)
    query = composed(aimed)
    np.testing.assert_allclose(query.vectors["text"], [1.5, 0.0])
    assert query.weights == {"text": 0.5}
    with pytest.raises(InvalidQuery, match="expected a weight above 0"):
        composed(replace(aimed, aimed=False))


def test_kinds_without_weights_are_weighed_alike() -> None:
    """Without any the coefficients are those of the weights alone."""
    plain = compose([WORDS, PICTURE], ALIKE, CALIBRATION, {}, Missing.RENORMALIZE)
    np.testing.assert_allclose(plain.vectors["image"], [0.5, 1.5])
    assert plain.weights == ALIKE


class Eyes(Plain):
    """An encoder that sees the colours of a picture's two halves and reads a text by its hash."""

    def encode_images(self, images):
        """Return the direction of both halves' colours."""
        small = [np.asarray(image.resize((2, 1)), np.float32).ravel() - 127 for image in images]
        rows = np.array([np.append(row, [20.0, 20.0]) for row in small], np.float32)
        self._write("image", len(images))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def code(number: int) -> str:
    """Return a word that only this item has."""
    return "".join("bcdfghjklm"[int(digit)] + "o" for digit in f"{number:03}")


def rows(folder: Path) -> list[dict[str, str]]:
    rng = np.random.default_rng(5)
    made = []
    for number in range(COUNT):
        pixels = np.repeat(np.repeat(rng.integers(0, 255, (1, 2, 3)), 16, 0), 8, 1).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        words = rng.permutation([COLOURS[number % 6], KINDS[number % 5], code(number)])
        made.append({"item_id": f"i{number}", "title": f"Acme {' '.join(words)}", "image": f"{number}.png",
                     "category": KINDS[number % 5]})  # fmt: skip
    return made


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    folder = tmp_path_factory.mktemp("part_weights")
    catalogue = write_lines(folder / "catalogue.jsonl", rows(folder))
    model = ModelSpec(str(folder / "log"), encoder="test_part_weights:Eyes")
    return BuildConfig(catalogue, folder / "store", model, recall_target=0.5)


@pytest.fixture(scope="module")
def manifest(config: BuildConfig) -> Manifest:
    return build(config, no_progress)


@pytest.fixture(scope="module")
def searcher(config: BuildConfig, manifest: Manifest) -> Searcher:
    encoder = BuildModels.open(config.model, None, frozenset()).encoder
    return Searcher(open_snapshot(Store(config.store), manifest.snapshot), encoder)


def weights(manifest: Manifest, kind: str) -> dict[str, float]:
    return {record.block: record.weight for record in manifest.part_weights if record.part_kind == kind}


def test_a_build_learns_that_pictures_tell_nothing_to_texts(manifest: Manifest) -> None:
    """The model's texts and pictures have nothing in common: a picture is asked of pictures alone."""
    assert weights(manifest, "image") == {"image": 1.0, "text": 0.0}
    told = weights(manifest, "text")
    assert told[LEXICAL] == 1.0
    assert told["image"] + told["text"] < 0.5
    assert {"item", "user"} <= {record.part_kind for record in manifest.part_weights}
    for kind in ("item", "user"):
        assert sum(weights(manifest, kind).values()) == pytest.approx(1.0, abs=1e-3)
        assert min(weights(manifest, kind).values()) >= 0.04


def test_the_learnt_weights_are_used(searcher: Searcher, config: BuildConfig) -> None:
    """A picture finds its own item first without flags; a request that names weights is answered by those."""
    data = (config.catalogue.parent / "7.png").read_bytes()
    hits = searcher.search(Query((ImagePart(data),), limit=1, explain=True)).hits
    assert hits[0].item_id == "i7"
    assert set(hits[0].contributions) == {"image"}
    named = searcher.search(Query((ImagePart(data),), {"image": 0.5, "text": 0.5}, limit=1, explain=True)).hits
    assert set(named[0].contributions) == {"image", "text"}


def test_weights_of_vectors_leave_the_words_on(searcher: Searcher) -> None:
    """They keep their weight beside the vectors; named with 0 they are off."""
    query = Query((TextPart(code(7)),), {"text": 2.0}, limit=1, explain=True)
    (hit,) = searcher.search(query).hits
    assert (hit.item_id, set(hit.contributions)) == ("i7", {"text", LEXICAL})
    alone = searcher.search(replace(query, modality_weights={LEXICAL: 1.0})).hits[0]
    assert hit.contributions[LEXICAL] == pytest.approx(2 * alone.contributions[LEXICAL])
    off = searcher.search(replace(query, modality_weights={"text": 2.0, LEXICAL: 0.0})).hits[0]
    assert set(off.contributions) == {"text"}


def test_a_rebuild_learns_the_same_and_encodes_no_probe_again(config: BuildConfig, manifest: Manifest) -> None:
    """Everything is drawn from fixed seeds, and vectors of probes are in the cache."""
    log = Path(config.model.model)
    log.write_text("")
    again = build(config, no_progress)
    assert again.part_weights == manifest.part_weights
    golden = len(log.read_text().splitlines())
    assert golden <= 8


def test_gates_ask_what_was_not_learnt_of(manifest: Manifest) -> None:
    """Both pass, and stand in the manifest with their limits."""
    gates = {gate.name: gate for gate in manifest.gates}
    for name in ("image retrieval@1", "text retrieval@10"):
        assert gates[name].passed
        assert gates[name].limit <= gates[name].value <= 1


def test_bad_weights_fail_their_gate(config: BuildConfig, searcher: Searcher, manifest: Manifest) -> None:
    """Pictures asked of texts alone find nothing, though the block of pictures would."""
    swapped = tuple(
        record.model_copy(update={"weight": float(record.block == "text")}) if record.part_kind == "image" else record
        for record in manifest.part_weights
    )
    bad = manifest.model_copy(update={"part_weights": swapped})
    broken = Searcher(Snapshot(bad, Store(config.store).directory(manifest.snapshot)), searcher.encoder)
    sample = ProductReservoir()
    list(sample.watch(_products(config)))
    probes = Probes.of(sample.products)
    inputs = GateInputs(broken, image_probes=probes.gate_pictures, text_probes=probes.gate_texts)
    (picture,), (text,) = image_probe_gate(inputs), text_probe_gate(inputs)
    assert not picture.passed
    assert text.passed


def _products(config: BuildConfig):
    from indexer.catalog import CatalogSpec, read

    return read(CatalogSpec(config.catalogue))


def test_the_index_and_the_report_tell_them(manifest: Manifest) -> None:
    """GetIndex, the table and the JSON have the same numbers."""
    index = to_index(manifest)
    assert [(one.part_kind, one.block, pytest.approx(one.weight)) for one in index.part_weights] == [
        (record.part_kind, record.block, record.weight) for record in manifest.part_weights
    ]
    assert report(manifest)["part_weights"] == [record.model_dump() for record in manifest.part_weights]
    text = "\n".join(to_lines(manifest))
    assert "success@1" in text
    assert "gate image retrieval@1" in text


def test_a_kind_that_does_not_work_is_told(manifest: Manifest) -> None:
    """One sentence for pictures, with the number and what to try."""
    poor = tuple(record.model_copy(update={"success_at_1": 0.2}) for record in manifest.part_weights)
    model = manifest.model.model_copy(update={"model": "mini"})
    (sentence, *_) = notices(manifest.model_copy(update={"part_weights": poor, "model": model}))
    assert sentence.startswith(
        "model mini does not recognise images of this catalogue: a changed image finds its own item first"
    )
    assert sentence.endswith("try --model base")


def test_a_manifest_without_them_is_read(manifest: Manifest) -> None:
    """The field is additive: one written before it weighs all kinds alike."""
    assert parse(render(manifest), Path("m")) == manifest
    before = manifest.model_copy(update={"part_weights": ()})
    assert list(notices(before)) == []
    assert to_index(before).part_weights == []


def test_labels_replace_the_weights_of_the_kinds_they_ask_with(manifest: Manifest) -> None:
    """Judged texts leave pictures alone; weights that do not tell their kinds hold for all."""
    learnt = {"image": 0.5, "text": 0.5, LEXICAL: 2.0}
    models = model_digests(manifest)
    update = apply_stored(StoredWeights(DefaultWeights(learnt, {}, ("text",)), models), manifest).update
    changed_manifest = manifest.model_copy(update=dict(update))
    assert weights(changed_manifest, "text") == learnt
    assert weights(changed_manifest, "image") == weights(manifest, "image")
    everything = manifest.model_copy(
        update=dict(apply_stored(StoredWeights(DefaultWeights(learnt), models), manifest).update)
    )
    assert weights(everything, "image") == {"image": 0.5, "text": 0.5}


def test_own_vectors_learn_nothing(tmp_path: Path) -> None:
    """There is nobody to ask."""
    rng = np.random.default_rng(1)
    lines = [{"item_id": f"i{n}", "title": f"t{n}", "text_vector": rng.standard_normal(4).tolist()} for n in range(150)]
    built = build(BuildConfig(write_lines(tmp_path / "c.jsonl", lines), tmp_path / "store"), no_progress)
    assert built.part_weights == ()


def scored(own: list[list[float]], rivals: list[list[list[float]]]) -> ProbeScores:
    others = np.array(rivals, np.float32)
    return ProbeScores(("a", "b"), others, np.array(own, np.float32), np.ones(others.shape[:2], np.bool_))


def test_finding_by_hand() -> None:
    """Above two of three rivals and equal to one: 2.5 / 3; first only where nobody is above or equal."""
    found = alone(scored([[2.0, 0.0]], [[[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]]), "a")
    assert found.auc == pytest.approx(2.5 / 3)
    assert (found.success_at_1, found.success_at_10) == (1.0, 1.0)
    assert measure(scored([[2.0, 0.0]], [[[3.0, 0.0]] * 3]), np.array([1.0, 0.0])).success_at_1 == 0.0


def test_what_tells_nothing_weighs_nothing() -> None:
    """Block a tells every probe its item, b is drawn: nearly all weight is a's."""
    rng = np.random.default_rng(2)
    rivals = rng.standard_normal((60, 200, 2)).astype(np.float32)
    own = np.stack([np.full(60, 2.5), rng.standard_normal(60)], axis=1).astype(np.float32)
    found = fit(ProbeScores(("a", "b"), rivals, own, np.ones((60, 200), np.bool_)))
    assert found[0] > 1
    assert found[1] < 0.1 * found[0]
    assert (found >= 0).all()


def test_pieces_of_texts() -> None:
    """A piece is of the title but for its first word; what it is held back from has none of its words."""
    assert without("Acme Red mug, red as can be", "red mug") == "Acme , as can be"
    assert without("mug", "Mug") == ""
    sample = ProductReservoir()
    made = [product for product in sample.watch([]) if product]
    assert made == []
    assert text_probes([]) == []


def test_a_changed_picture_is_smaller_and_another() -> None:
    """A JPEG of 70 to 95 % of each side, the same for the same seed."""
    written = BytesIO()
    Image.new("RGB", (100, 50), (200, 30, 30)).save(written, "PNG")
    picture = decode(written.getvalue())
    data = changed(picture, np.random.default_rng(3))
    assert data == changed(picture, np.random.default_rng(3))
    width, height = decode(data).size
    assert 70 <= width <= 95
    assert 35 <= height <= 48


def test_the_finest_category_is_taken() -> None:
    """The field with the most values that two items or more share on average; without one, none."""
    payloads = [{"department": "home", "product_type": f"k{number % 4}", "title": "x"} for number in range(12)]
    assert categories_of(payloads) == [f"k{number % 4}" for number in range(12)]
    assert categories_of([{"title": "x"}]) == [""]
