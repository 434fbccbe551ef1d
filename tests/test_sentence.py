"""Sentence models as encoders: a small one made here, and what it says compared with sentence-transformers itself."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

from engine.encoders.encoder import Fingerprint, ModelSpec, check, golden_vectors, open_encoder
from engine.encoders.sentence import SentenceEncoder
from engine.errors import InvalidSetting, MissingDependency, ModelMismatch, NoEncoder

pytestmark = pytest.mark.long

TEXTS = ["", "red shoe", "blue suede shoes for the garden", "red " * 50]


def make_model(directory: Path, seed: int = 7, words: str = "red blue suede shoe shoes for the garden") -> Path:
    """Write a two-layer BERT of random weights with its own vocabulary, as sentence-transformers keeps models."""
    inner = directory / "inner"
    inner.mkdir(parents=True)
    (inner / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words.split()]))
    BertTokenizerFast(str(inner / "vocab.txt"), model_max_length=32).save_pretrained(inner)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=5 + len(words.split()), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(inner)
    tower = Transformer(str(inner), max_seq_length=16)
    SentenceTransformer(modules=[tower, Pooling(32), Normalize()], device="cpu").save(str(directory / "model"))
    return directory / "model"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("sentence"))


@pytest.fixture(scope="module")
def encoder(directory: Path) -> SentenceEncoder:
    opened = open_encoder(ModelSpec(str(directory), encoder="sentence"), "cpu", "float32")
    assert isinstance(opened, SentenceEncoder)
    return opened


def test_vectors_are_the_librarys(encoder: SentenceEncoder, directory: Path) -> None:
    """Unit rows, in order, as sentence-transformers gives them one by one."""
    stock = SentenceTransformer(str(directory), device="cpu")
    rows = encoder.encode_texts(TEXTS)
    assert rows.shape == (4, encoder.dim) == (4, 32)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for text, row in zip(TEXTS, rows, strict=True):
        np.testing.assert_allclose(row, stock.encode([text])[0], atol=1e-6)
    assert encoder.encode_texts([]).shape == (0, 32)


def test_pictures_are_refused(encoder: SentenceEncoder) -> None:
    """A sentence model has no eyes, and says so."""
    with pytest.raises(NoEncoder, match="expected texts for the sentence model, got 1 images"):
        encoder.encode_images([Image.new("RGB", (8, 8))])


def test_fingerprint_proves_the_model(encoder: SentenceEncoder, directory: Path) -> None:
    """It survives JSON, and the same model opened again agrees with it and with its golden texts."""
    kept = json.loads(json.dumps([encoder.fingerprint.to_json(), golden_vectors(encoder)]))
    fingerprint = Fingerprint.from_json(kept[0])
    assert fingerprint == encoder.fingerprint
    assert fingerprint.architecture == "sentence-bert2x32-transformer-pooling-normalize-32d"
    assert set(kept[1]) == {"texts"}
    again = SentenceEncoder(ModelSpec(str(directory), encoder="sentence"), "cpu", "float32")
    check(again, fingerprint, kept[1])
    half = SentenceEncoder(ModelSpec(str(directory), encoder="sentence"), "cpu", "bfloat16")
    assert half.fingerprint.dtype == "bfloat16"
    check(half, fingerprint, kept[1])


@pytest.mark.parametrize(
    ("seed", "words", "difference"),
    [
        (8, "red blue suede shoe shoes for the garden", "weights_sha256"),
        (7, "red blue suede shoe shoes for the house", "tokenizer"),
    ],
)
def test_another_model_is_told_by_what_differs(
    encoder: SentenceEncoder, tmp_path: Path, seed: int, words: str, difference: str
) -> None:
    """Other weights or another vocabulary: the message names which."""
    other = SentenceEncoder(ModelSpec(str(make_model(tmp_path, seed, words))), "cpu", "float32")
    with pytest.raises(ModelMismatch, match=difference):
        check(other, encoder.fingerprint, golden_vectors(encoder))


def test_what_is_no_model_is_refused(directory: Path, tmp_path: Path) -> None:
    """Another kind of folder, a folder cut short, a tag: the message names what was expected."""
    with pytest.raises(InvalidSetting, match=r"expected a sentence model in .*modules\.json"):
        SentenceEncoder(ModelSpec(str(tmp_path)))
    (tmp_path / "modules.json").write_text((directory / "modules.json").read_text())
    with pytest.raises(InvalidSetting, match="expected the directory or hub name of a sentence model"):
        SentenceEncoder(ModelSpec(str(tmp_path)))
    with pytest.raises(InvalidSetting, match="expected no pretrained tag"):
        SentenceEncoder(ModelSpec(str(directory), "openai"))
    with pytest.raises(InvalidSetting, match="expected the dtype"):
        SentenceEncoder(ModelSpec(str(directory)), "cpu", "float8")


def test_a_missing_library_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command that installs it."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    monkeypatch.delitem(sys.modules, "engine.encoders.sentence")
    with pytest.raises(MissingDependency, match=r"pip install 'diptych\[sentence\]'"):
        open_encoder(ModelSpec("anywhere", encoder="sentence"))


def test_opening_needs_no_network(directory: Path) -> None:
    """A directory is opened as it is, with every way out shut, and CLIP's library stays unloaded."""
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        "from engine.encoders.encoder import ModelSpec, open_encoder\n"
        "print(open_encoder(ModelSpec(sys.argv[1], encoder='sentence'), 'cpu').dim, 'open_clip' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(directory)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["32", "False"]
