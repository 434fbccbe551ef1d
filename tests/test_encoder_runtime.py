"""OpenVINO beside torch: the same vectors or none of it, and a cache of conversions that is never half there."""

import hashlib
import json
import logging
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import encoders
from engine.encoders import openvino_tower, runtimes
from engine.encoders.converted_models import SUMS, ConvertedModels
from engine.encoders.encoder import ModelSpec, check, golden_images, golden_vectors, open_encoder
from engine.encoders.open_clip import OpenClipEncoder
from engine.errors import InvalidSetting, MissingDependency
from tests.support.models import CONFIGS, PREPROCESS, save_model

pytestmark = [pytest.mark.long, pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")]

DATA = Path(__file__).parents[2] / "shared/data"
TEXTS = ["", "shoe", "a red leather shoe", "T-shirt, size 42! été 夏", *("blue cotton shirt " * n for n in range(1, 9))]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Conversions are kept in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DIPTYCH_CACHE", str(folder))
    return folder / "encoders"


def least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Return the least cosine of two matrices' unit rows."""
    return float((one * other).sum(axis=1).min())


@pytest.mark.parametrize("name", CONFIGS)
def test_every_kind_of_model_gives_torchs_vectors(towers: dict[str, Path], name: str) -> None:
    """Texts of every length, alone and together, and pictures: float32 through OpenVINO is float32."""
    spec = ModelSpec(str(towers[name]))
    torchs = OpenClipEncoder(spec, "cpu", "float32")
    other = OpenClipEncoder(spec, "cpu", "float32", runtime="openvino")
    assert torchs.runtimes == {"image": "torch", "text": "torch"}
    assert other.runtimes == {"image": "openvino", "text": "openvino"}
    assert other.fingerprint == torchs.fingerprint
    expected = torchs.encode_texts(TEXTS)
    np.testing.assert_allclose(other.encode_texts(TEXTS), expected, atol=1e-4)
    np.testing.assert_allclose(np.concatenate([other.encode_texts([t]) for t in TEXTS]), expected, atol=1e-4)
    images = list(golden_images()) * 3
    np.testing.assert_allclose(other.encode_images(images), torchs.encode_images(images), atol=1e-4)


def open_in_8_bits(model: str, monkeypatch: pytest.MonkeyPatch) -> OpenClipEncoder:
    """Open a small model as a large one would be."""
    monkeypatch.setattr(runtimes, "MIN_CONVERTED_WEIGHTS", 0)
    monkeypatch.setattr(runtimes, "MIN_ROUNDED_WEIGHTS", 0)
    return OpenClipEncoder(ModelSpec(model), "cpu", runtime="openvino")


def test_the_trained_model_keeps_its_vectors_in_8_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model, trained on pictures and titles, is within a cosine of .999 for every text and picture."""
    exact = OpenClipEncoder(ModelSpec("mini"), "cpu", "float32")
    rounded = open_in_8_bits("mini", monkeypatch)
    assert rounded.runtimes == {"image": "openvino", "text": "openvino"}
    assert rounded.fingerprint == replace(exact.fingerprint, dtype="int8")
    drawn = np.random.default_rng(0)
    words = [
        "red",
        "leather",
        "shoe",
        "blue",
        "cotton",
        "shirt",
        "XL",
        "42",
        "wooden",
        "table",
        "été",
        "a",
        "the",
        "for",
        "with",
        "lamp",
        "milk",
        "500g",
    ]
    texts = [" ".join(drawn.choice(words, length)) for length in drawn.integers(1, 30, 300)]
    assert least_cosine(rounded.encode_texts(texts), exact.encode_texts(texts)) > 0.999
    noise = [Image.fromarray(drawn.integers(0, 256, (80, 70, 3), dtype=np.uint8)) for _ in range(8)]
    images = [*golden_images(), *noise]
    assert least_cosine(rounded.encode_images(images), exact.encode_images(images)) > 0.999
    check(rounded, exact.fingerprint, golden_vectors(exact))
    check(exact, rounded.fingerprint, golden_vectors(rounded))


@pytest.mark.real
def test_real_pictures_keep_their_vectors_in_8_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products as they are photographed."""
    files = sorted(path for path in DATA.rglob("*") if path.suffix in (".jpg", ".png"))[::40]
    if not files:
        pytest.skip("needs shared/data")
    images = [Image.open(path).convert("RGB") for path in files]
    exact = OpenClipEncoder(ModelSpec("mini"), "cpu", "float32")
    assert least_cosine(open_in_8_bits("mini", monkeypatch).encode_images(images), exact.encode_images(images)) > 0.999


def test_auto_leaves_small_models_and_named_dtypes_to_torch(cache: Path) -> None:
    """A small model starts at once, with nothing converted; who names float32 gets torch's very numbers."""
    assert OpenClipEncoder(ModelSpec("mini"), "cpu").runtimes == {"image": "torch", "text": "torch"}
    assert not runtimes.wants_openvino("auto", torch.device("cpu"), "float32")
    assert not runtimes.wants_openvino("auto", torch.device("cuda"), "auto")
    assert not cache.exists()


def test_rounding_that_shows_is_refused(
    towers: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If 8 bits are not near enough float32 answers, and if that is not either torch does; the log says so."""
    caplog.set_level(logging.INFO)
    expected = OpenClipEncoder(ModelSpec(str(towers["clip"])), "cpu", "float32")
    monkeypatch.setattr(runtimes, "MIN_COSINE", 0.99999)
    exact = open_in_8_bits(str(towers["clip"]), monkeypatch)
    assert exact.runtimes["text"] == "openvino"
    assert exact.fingerprint.dtype == "float32"
    assert "openvino's int8 is rejected for side=text: expected a cosine of at least 0.99999 with torch" in caplog.text
    monkeypatch.setattr(runtimes, "MIN_COSINE", 1.1)
    torchs = open_in_8_bits(str(towers["clip"]), monkeypatch)
    assert torchs.runtimes == {"image": "torch", "text": "torch"}
    np.testing.assert_array_equal(torchs.encode_texts(TEXTS), expected.encode_texts(TEXTS))


def test_a_side_that_cannot_be_converted_is_torchs(
    towers: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the side and the reason; the other side is converted nevertheless."""
    original = OpenClipEncoder._text_side

    def untraceable(encoder: OpenClipEncoder) -> Any:
        def refuse(_: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError("no such operator")

        return replace(original(encoder), traced=refuse)

    monkeypatch.setattr(OpenClipEncoder, "_text_side", untraceable)
    encoder = OpenClipEncoder(ModelSpec(str(towers["coca"])), "cpu", runtime="openvino")
    assert encoder.runtimes == {"image": "openvino", "text": "torch"}
    assert "runtime=torch side=text because openvino does not support it: " in caplog.text
    assert logging.getLogger().level <= logging.WARNING
    assert encoder.encode_texts(TEXTS).shape == (len(TEXTS), 24)


def test_a_conversion_is_kept_and_a_broken_one_made_again(
    towers: dict[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second opening traces nothing; files that were cut, changed or half deleted are never believed."""
    spec, made = ModelSpec(str(towers["clip"])), []
    trace = openvino_tower.trace

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return trace(*arguments)

    monkeypatch.setattr(openvino_tower, "trace", counted)
    expected = OpenClipEncoder(spec, "cpu", runtime="openvino").encode_texts(TEXTS)
    folders = sorted(cache.iterdir())
    assert (len(made), len(folders)) == (2, 2)
    OpenClipEncoder(spec, "cpu", runtime="openvino")
    assert len(made) == 2
    for folder in folders:
        data = (folder / "model.bin").read_bytes()
        (folder / "model.bin").write_bytes(data[: len(data) // 2])
    again = OpenClipEncoder(spec, "cpu", runtime="openvino")
    np.testing.assert_array_equal(again.encode_texts(TEXTS), expected)
    assert len(made) == 4
    for folder in folders:
        text = (folder / "model.xml").read_text()
        (folder / "model.xml").write_text("<" * len(text.encode()))
        (folder / "model.bin").unlink()
    OpenClipEncoder(spec, "cpu", runtime="openvino")
    assert len(made) == 6
    assert sorted(cache.iterdir()) == folders


def test_conversions_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    """A writer that fails leaves nothing behind; two writers leave one folder; other parts have another one."""
    conversions = ConvertedModels(tmp_path / "deep" / "cache")

    def fail(folder: Path) -> None:
        (folder / "model.bin").write_bytes(b"half")
        raise OSError("disk full")

    assert conversions.store({"a": 1}, fail) is None
    assert list(conversions.root.iterdir()) == []
    assert conversions.find({"a": 1}) is None
    for content in (b"one", b"two"):
        folder = conversions.store({"a": 1}, lambda folder, content=content: (folder / "m").write_bytes(content))
        assert folder is not None
        assert (folder / "m").read_bytes() == content
    assert conversions.find({"a": 1}) == folder
    assert conversions.find({"a": 2}) is None
    assert [path.name for path in conversions.root.iterdir()] == [folder.name]
    assert json.loads((folder / SUMS).read_text()) == {"m": hashlib.sha256(b"two").hexdigest()}
    (folder / SUMS).write_text("[]")
    assert conversions.find({"a": 1}) is None


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder's place is taken by a file the model is converted for this process alone."""
    (tmp_path / "encoders").write_text("")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    model = save_model(tmp_path / "clip", CONFIGS["clip"], PREPROCESS)
    encoder = OpenClipEncoder(ModelSpec(str(model)), "cpu", runtime="openvino")
    assert encoder.runtimes == {"image": "openvino", "text": "openvino"}


@pytest.mark.parametrize("shape", [(3, 128), (5, 100), (1, 64), (2, 192)])
def test_codes_are_within_half_a_step(shape: tuple[int, int]) -> None:
    """Every weight comes back within half a 255th of its group's range, and 0 exactly."""
    drawn = np.random.default_rng(0)
    weights = drawn.standard_normal(shape).astype(np.float32) * drawn.uniform(0.01, 9, (shape[0], 1)).astype(np.float32)
    weights[0, 5] = 0
    codes, zeros, scales = openvino_tower.quantise(weights)
    groups = shape[1] // openvino_tower.GROUP if shape[1] % openvino_tower.GROUP == 0 else 1
    assert codes.shape[:2] == (shape[0], groups)
    back = ((codes.astype(np.float32) - zeros) * scales).reshape(shape)
    error = np.abs(back - weights).reshape(codes.shape)
    assert (error <= scales * 0.5001 + 1e-7).all()
    assert back[0, 5] == 0


def test_runtimes_with_no_meaning_are_refused(towers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message says what would have been accepted; a missing library's says how to install it."""
    spec = ModelSpec(str(towers["clip"]))
    with pytest.raises(InvalidSetting, match="expected the runtime auto, torch, openvino, got 'onnx'"):
        open_encoder(spec, "cpu", runtime="onnx")
    with pytest.raises(InvalidSetting, match="expected the device cpu and the dtype auto or float32 .*bfloat16"):
        open_encoder(spec, "cpu", "bfloat16", "openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependency, match="pip install openvino"):
        open_encoder(spec, "cpu", runtime="openvino")


def test_openvino_reports_to_nobody() -> None:
    """Its telemetry, which sends each import to an analytics service, is never imported."""
    openvino_tower.library()
    assert sys.modules["openvino_telemetry"] is None


def test_the_benchmark_writes_whole_files(tmp_path: Path) -> None:
    """Every way and case is there, stock is as fast as itself, and rows are near its own."""
    effort = encoders.Effort(threads=1, rounds=1, inputs=8, requests=2, tokens=(8,), batches=(1, 2))
    result = encoders.run(ModelSpec("mini"), effort, json_path=tmp_path / "encoders.json")
    kept = json.loads((tmp_path / "encoders.json").read_text())
    assert {(one["kind"], one["batch"], one["way"]) for one in kept["cases"]} == {
        (kind, batch, way)
        for kind in ("text of 8 tokens", "image, decoded", "image, JPEG")
        for batch in (1, 2)
        for way in (encoders.STOCK, *encoders.WAYS)
    }
    assert {one["times_as_fast"] for one in kept["cases"] if one["way"] == encoders.STOCK} == {1.0}
    assert min(least for sides in result["least_cosine"].values() for least in sides.values()) > 0.999
    assert "min cosine" in (tmp_path / "encoders.md").read_text()
    assert (tmp_path / "encoders.png").read_bytes().startswith(b"\x89PNG")
