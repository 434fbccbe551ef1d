"""The open_clip encoder against stock open_clip, on tiny models of every kind of text tower."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encoders.encoder import (
    Encoder,
    Fingerprint,
    ModelSpec,
    check,
    digest,
    golden_images,
    golden_vectors,
    open_encoder,
)
from engine.encoders.open_clip import OpenClipEncoder
from engine.errors import InvalidSetting, MissingDependency, ModelMismatch
from engine.scoring.vectors import to_unit
from tests.support.models import CONFIGS, PREPROCESS, VISION, save_model

pytestmark = pytest.mark.long

TRIMMED = ("clip", "eos", "custom", "coca")


@pytest.fixture(scope="module")
def encoders(towers: dict[str, Path]) -> dict[str, OpenClipEncoder]:
    """One float32 encoder for each text tower."""
    return {name: OpenClipEncoder(ModelSpec(str(path)), "cpu", "float32", threads=1) for name, path in towers.items()}


def stock_texts(encoder: OpenClipEncoder, texts: list[str]) -> np.ndarray:
    """Return what open_clip itself makes of the padded texts."""
    with torch.inference_mode():
        return encoder.model.encode_text(encoder.tokenizer(texts), normalize=True).numpy()


WORDS = "red shoe ! 42 blue T-shirt été 夏 \x00 ¡ "


@pytest.mark.parametrize("name", CONFIGS)
def test_texts_equal_stock_at_every_length(encoders: dict[str, OpenClipEncoder], name: str) -> None:
    """From no token to more than the context holds, together and one at a time, vectors are stock open_clip's."""
    texts = ["shoe " * n for n in range(30)] + ["", "!", "a!b", WORDS, WORDS * 5]
    expected = stock_texts(encoders[name], texts)
    np.testing.assert_allclose(encoders[name].encode_texts(texts), expected, atol=1e-5)
    alone = np.concatenate([encoders[name].encode_texts([text]) for text in texts])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    assert np.linalg.norm(expected[3] - expected[9]) > 0.01


@pytest.mark.parametrize("name", TRIMMED)
@given(texts=st.lists(st.text(sorted(set(WORDS)), max_size=40), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_any_texts_equal_stock(encoders: dict[str, OpenClipEncoder], name: str, texts: list[str]) -> None:
    """Whatever the texts, leaving out their padding changes nothing."""
    encoder = encoders[name]
    np.testing.assert_allclose(encoder.encode_texts(texts), stock_texts(encoder, texts), atol=1e-5)


def test_hugging_face_towers_are_left_alone(tmp_path: Path) -> None:
    """A BERT knows 512 places whatever the tokenizer pads to; it reads all of them, in either dtype."""
    from transformers import BertConfig, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "shoe"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertConfig(vocab_size=8, hidden_size=32, num_hidden_layers=2, num_attention_heads=2).save_pretrained(tmp_path)
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    text = {"hf_model_name": str(tmp_path), "hf_tokenizer_name": str(tmp_path), "context_length": 24}
    save_model(tmp_path, {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": text}, PREPROCESS)
    texts = ["", "red shoe", "blue shoe " * 20]
    encoder = OpenClipEncoder(ModelSpec(str(tmp_path)), "cpu", "float32")
    # Threads that are held up cut a sum elsewhere, and its last bit differs.
    np.testing.assert_allclose(encoder.encode_texts(texts), to_unit(stock_texts(encoder, texts)), rtol=0, atol=2e-7)
    half = OpenClipEncoder(ModelSpec(str(tmp_path)), "cpu", "bfloat16")
    check(half, encoder.fingerprint, golden_vectors(encoder))


def test_token_0_inside_a_text_equals_stock(encoders: dict[str, OpenClipEncoder]) -> None:
    """CoCa's padding is token 0, which is also "!" inside a word: it is hidden there, not taken for the text's end."""
    encoder = encoders["coca"]
    texts = ["a !# b", "!~x !~y"]
    ids = encoder.tokenizer(texts)
    assert any(0 in row[: int(row.argmax())] for row in ids)
    np.testing.assert_allclose(encoder.encode_texts(texts), stock_texts(encoder, texts), atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_only_towers_known_to_be_exact_are_trimmed(encoders: dict[str, OpenClipEncoder], name: str) -> None:
    """The transformer reads a short text's own tokens, and all the padding where leaving it out is not exact."""
    read: list[int] = []
    encoder = encoders[name]
    layers = getattr(encoder.model, "text", encoder.model)
    hook = layers.transformer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].shape[1]))
    encoder.encode_texts(["shoe"])
    hook.remove()
    expected = {"clip": 3, "eos": 3, "custom": 3, "coca": 5, "siglip": 24, "last": 24}
    assert read == [expected[name]]


@pytest.mark.parametrize("name", ["clip", "coca"])
def test_images_equal_stock(encoders: dict[str, OpenClipEncoder], name: str) -> None:
    """More pictures than a batch holds come back in order, as open_clip's own transform and model make them."""
    encoder = encoders[name]
    images = list(golden_images()) * 20
    with torch.inference_mode():
        pixels = torch.stack([encoder.preprocess(image) for image in images])
        expected = encoder.model.encode_image(pixels, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images(images), expected, atol=1e-5)


def test_rows_are_unit_float32_and_none_are_none(encoders: dict[str, OpenClipEncoder]) -> None:
    """Shapes and dtype hold for no input too."""
    encoder = encoders["clip"]
    assert encoder.encode_texts([]).shape == encoder.encode_images([]).shape == (0, encoder.dim) == (0, 24)
    rows = encoder.encode_texts(["a", "b"])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_bfloat16_is_the_same_model(towers: dict[str, Path], encoders: dict[str, OpenClipEncoder]) -> None:
    """A snapshot made in float32 is served in bfloat16: same hashes, golden vectors within the bound."""
    for name in ("clip", "coca"):
        golden = golden_vectors(encoders[name])
        half = OpenClipEncoder(ModelSpec(str(towers[name])), "cpu", "bfloat16")
        assert half.fingerprint == replace(encoders[name].fingerprint, dtype="bfloat16")
        check(half, encoders[name].fingerprint, golden)


def test_fingerprint_and_golden_vectors_survive_json(encoders: dict[str, OpenClipEncoder]) -> None:
    """What a manifest keeps is what it gives back."""
    encoder = encoders["clip"]
    kept = json.loads(json.dumps([encoder.fingerprint.to_json(), golden_vectors(encoder)]))
    fingerprint = Fingerprint.from_json(kept[0])
    assert fingerprint == encoder.fingerprint
    check(encoder, fingerprint, kept[1])


class Disguised:
    """An encoder that says it is another one."""

    def __init__(self, encoder: Encoder, fingerprint: Fingerprint) -> None:
        self.fingerprint, self.dim = fingerprint, encoder.dim
        self.encode_texts, self.encode_images = encoder.encode_texts, encoder.encode_images


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        {"resize_mode": "squash"},
        {"resize_mode": "longest"},
    ],
    ids=["mean .5", "squash", "longest"],
)
def test_changed_preprocessing_is_refused(
    encoders: dict[str, OpenClipEncoder], tmp_path: Path, changed: dict[str, Any]
) -> None:
    """Another mean or resize mode is named; and where every hash is equal the golden pictures still tell."""
    clip = encoders["clip"]
    golden = golden_vectors(clip)
    other = OpenClipEncoder(
        ModelSpec(str(save_model(tmp_path, CONFIGS["clip"], {**PREPROCESS, **changed}))), "cpu", "float32"
    )
    with pytest.raises(ModelMismatch, match=f"preprocess.{next(iter(changed))}: expected .*, got"):
        check(other, clip.fingerprint, golden)
    with pytest.raises(ModelMismatch, match=r"model of this snapshot: golden images: expected .*, got"):
        check(Disguised(other, clip.fingerprint), clip.fingerprint, golden)


def test_other_weights_tokenizer_or_architecture_are_refused(
    encoders: dict[str, OpenClipEncoder], tmp_path: Path
) -> None:
    """Each difference is named; weights that lie about their hash are found by their vectors."""
    clip, print_ = encoders["clip"], encoders["clip"].fingerprint
    golden = golden_vectors(clip)
    other = OpenClipEncoder(ModelSpec(str(save_model(tmp_path, CONFIGS["clip"], PREPROCESS, seed=1))), "cpu", "float32")
    with pytest.raises(ModelMismatch, match="weights_sha256: expected .*golden texts: .*golden images: "):
        check(other, print_, golden)
    with pytest.raises(ModelMismatch, match="snapshot: golden texts: .*golden images: "):
        check(Disguised(other, print_), print_, golden)
    with pytest.raises(ModelMismatch, match="snapshot: tokenizer_sha256: expected abc, got "):
        check(clip, replace(print_, tokenizer_sha256="abc"), golden)
    with pytest.raises(ModelMismatch, match="architecture: expected coca.*dim: expected 32, got 24"):
        check(clip, replace(print_, architecture="coca", dim=32), golden)
    with pytest.raises(ModelMismatch, match="expected golden texts of 24 dimensions"):
        check(clip, print_, {"texts": "AAAA", "images": golden["images"]})


def test_settings_with_no_meaning_are_refused(towers: dict[str, Path], tmp_path: Path) -> None:
    """Each message says what would have been accepted."""
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIGS["clip"]}))
    clip = str(towers["clip"])
    cases = [
        (
            ModelSpec("ViT-B-32"),
            {},
            r"expected a pretrained tag for 'ViT-B-32' \(openai, .*laion2b_s34b_b79k.*\) or a weights file, got none",
        ),
        (ModelSpec("ViT-B-32", "laion9b"), {}, r"tag for 'ViT-B-32' \(openai, .*\) or a weights file, got 'laion9b'"),
        (ModelSpec("ViT-B-23"), {}, "got 'ViT-B-23'; similar names: ViT-B-32"),
        (ModelSpec("local-dir:nowhere"), {}, "expected a model in nowhere .*got no open_clip_config.json"),
        (ModelSpec(str(tmp_path)), {}, "expected open_clip_model.safetensors in .*, got no weights"),
        (ModelSpec("hf-hub:"), {}, "expected a directory or repository after the colon"),
        (ModelSpec(clip, "openai"), {}, "expected no pretrained tag with .*, got 'openai'"),
        (ModelSpec(clip), {"device": "tpu"}, "expected the device auto, cpu, cuda or cuda:N, got 'tpu'"),
        (ModelSpec(clip), {"device": "cuda:99"}, "expected one of . CUDA devices, got 'cuda:99'"),
        (ModelSpec(clip), {"dtype": "int8"}, "expected the dtype auto, float32 or bfloat16, got 'int8'"),
        (
            ModelSpec(clip, encoder="word2vec"),
            {},
            "expected an encoder .openclip, sentence, or module:Class., got 'word2vec'",
        ),
        (ModelSpec(clip, encoder="engine.encoders.encoder:Nothing"), {}, "got 'engine.encoders.encoder:Nothing'"),
    ]
    for spec, options, message in cases:
        with pytest.raises(InvalidSetting, match=message):
            open_encoder(spec, **options)


def test_a_missing_library_is_told_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of one's own that imports what is not installed says so, and how to install it."""
    (tmp_path / "my_encoder.py").write_text("import library_of_nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency, match="my_encoder needs library_of_nowhere: pip install library_of_nowhere"):
        open_encoder(ModelSpec("any", encoder="my_encoder:Encoder"))


def test_a_failed_download_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, a hub's name and a tag are errors that name what could not be fetched."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InvalidSetting, match="cannot fetch the model 'hf-hub:nobody/nothing': "):
        open_encoder(ModelSpec("hf-hub:nobody/nothing"))
    with pytest.raises(InvalidSetting, match="cannot fetch the weights 'laion2b_s34b_b79k' of 'ViT-B-32': "):
        open_encoder(ModelSpec("ViT-B-32", "laion2b_s34b_b79k"))


def test_broken_weights_are_refused(towers: dict[str, Path], tmp_path: Path) -> None:
    """A cut weights file is an error that names it, never a model of random weights."""
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (tmp_path / name).write_bytes((towers["clip"] / name).read_bytes()[:50_000])
    with pytest.raises(InvalidSetting, match="cannot load the model .*open_clip_model.safetensors"):
        open_encoder(ModelSpec(str(tmp_path)), "cpu")


def test_encoders_open_by_every_name(towers: dict[str, Path], encoders: dict[str, OpenClipEncoder]) -> None:
    """A directory, local-dir: and the class's own name open the same model; weights as stored in float16 do too."""
    path = str(towers["clip"])
    for spec in (ModelSpec(f"local-dir:{path}"), ModelSpec(path, encoder="engine.encoders.open_clip:OpenClipEncoder")):
        assert open_encoder(spec, "cpu", "float32").fingerprint == encoders["clip"].fingerprint


def test_random_weights_are_for_those_who_ask() -> None:
    """A named architecture runs without weights on request, and its hash is that of its values."""
    name = "ViT-S-32-alt"
    torch.manual_seed(0)
    first = OpenClipEncoder(ModelSpec(name), "cpu", "float32", random_weights=True)
    torch.manual_seed(0)
    second = OpenClipEncoder(ModelSpec(name), "cpu", "float32", random_weights=True)
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint.architecture.startswith("clip-vit12x384p32@224-text")


def test_digest_knows_no_order_of_keys() -> None:
    """Equal values have equal digests."""
    assert digest({"a": 1, "b": [2, "é"]}) == digest({"b": [2, "é"], "a": 1}) != digest({"a": 1, "b": ["é", 2]})
