"""The cost of encoding a text or an image, and the difference of the vectors, compared with stock open_clip.

All encoders are measured in turn with the same inputs, so that other load on the machine affects all of them. The ratio
is that of the medians of one run. Random weights are as fast as trained ones; their rounding errors differ.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import report
from engine.encoders.batching import BatchingEncoder
from engine.encoders.encoder import Encoder, ModelSpec
from engine.encoders.images import decode

STOCK = "stock open_clip"
WAYS = {
    "torch float32": ("float32", "torch"),
    "openvino float32": ("float32", "openvino"),
    "auto": ("auto", "auto"),
}
TOKENS = (3, 8, 16, 32, 77)
BATCHES = (1, 8, 32)
CALLERS = 16
_WORDS = (
    "red blue shoe table lamp garden cotton shirt leather summer dress white black wooden chair bag with for the and"
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. rounds: of single inputs; batches get fewer. inputs: texts whose cosines are compared."""

    threads: int = 2
    rounds: int = 40
    inputs: int = 200
    requests: int = 25
    tokens: tuple[int, ...] = TOKENS
    batches: tuple[int, ...] = BATCHES


@dataclass(frozen=True, slots=True)
class Case:
    """An input that every encoder encodes in turn."""

    kind: str
    batch: int
    inputs: Sequence[Any]


def run(spec: ModelSpec, effort: Effort, pictures: Path | None = None, json_path: Path | None = None) -> dict[str, Any]:
    """Compare every encoder with stock open_clip, print the tables and return the result.

    pictures: a folder of images; generated ones if None. Cost: about three minutes for ViT-B-32 on two idle cores.
    """
    from engine.encoders.reference_encoder import ReferenceEncoder, open_seeded

    opened: dict[str, Any] = {}
    load_s = {}
    for name, (dtype, runtime) in WAYS.items():
        started = time.perf_counter()
        opened[name] = open_seeded(spec, dtype, runtime, effort.threads)
        load_s[name] = round(time.perf_counter() - started, 1)
    stock = ReferenceEncoder(opened["torch float32"])
    images = _read(pictures, effort.inputs) if pictures is not None else draw_images(effort.inputs // 4)
    texts = draw_texts(effort.inputs)
    cosines = {
        name: {
            "text": least_cosine(stock.encode_texts, way.encode_texts, texts),
            "image": least_cosine(stock.encode_images, way.encode_images, images),
        }
        for name, way in opened.items()
    }
    cases = _cases(stock.count_tokens, effort, images)
    measured = _measure(cases, {STOCK: stock, **opened}, effort.rounds)
    crowd = _crowd(opened["auto"], texts, effort.requests)
    content = {
        "settings": {"model": asdict(spec), **asdict(effort), "pictures": "given" if pictures else "generated"},
        "ways": {
            name: {"sides": way.runtimes, "dtype": way.fingerprint.dtype, "load_s": load_s[name]}
            for name, way in opened.items()
        },
        "least_cosine": cosines,
        "cases": measured,
        "crowd": crowd,
        "one_more": _small_costs(opened["auto"], images[0]),
    }
    tables = _tables(spec, effort, measured, cosines, content)
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "encoders", content, tables)
        _plot(measured, effort, json_path.with_suffix(".png"))
    return content


def draw_texts(count: int, seed: int = 0) -> list[str]:
    """Return texts of one to fifty words."""
    drawn = np.random.default_rng(seed)
    words = _WORDS.split()
    return [" ".join(drawn.choice(words, length)) for length in drawn.integers(1, 50, count)]


def draw_images(count: int, seed: int = 0) -> list[Image.Image]:
    """Return images of fine and coarse patches, the size of product photos."""
    drawn = np.random.default_rng(seed)
    pictures = []
    for _ in range(max(count, 2)):
        patches = drawn.integers(0, 256, (*drawn.integers(2, 60, 2), 3), dtype=np.uint8)
        small = Image.fromarray(patches)
        pictures.append(small.resize((800, 600), Image.Resampling.BICUBIC))
    return pictures


def least_cosine(
    stock: Callable[[Sequence[Any]], NDArray[np.float32]],
    ours: Callable[[Sequence[Any]], NDArray[np.float32]],
    inputs: Sequence[Any],
    size: int = 16,
) -> float:
    """Return the minimum cosine between stock vectors and ours, in batches, and singly for every fourth input."""
    expected = np.concatenate([stock(inputs[start : start + size]) for start in range(0, len(inputs), size)])
    together = np.concatenate([ours(inputs[start : start + size]) for start in range(0, len(inputs), size)])
    alone = np.concatenate([ours([one]) for one in inputs[::4]])
    least = min((expected * together).sum(axis=1).min(), (expected[::4] * alone).sum(axis=1).min())
    return float(round(float(least), 6))


def _read(folder: Path, count: int) -> list[Image.Image]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [decode(path.read_bytes()) for path in files[:: max(1, len(files) // count)][:count]]


def _cases(count_tokens: Callable[[str], int], effort: Effort, images: Sequence[Image.Image]) -> list[Case]:
    drawn = np.random.default_rng(1)
    files = [_to_jpeg(image) for image in images]
    cases = []
    for batch in effort.batches:
        for tokens in effort.tokens:
            texts = [_text_of(tokens, count_tokens, drawn) for _ in range(batch)]
            cases.append(Case(f"text of {tokens} tokens", batch, texts))
        cases.append(Case("image, decoded", batch, [images[n % len(images)] for n in range(batch)]))
        cases.append(Case("image, JPEG", batch, [files[n % len(files)] for n in range(batch)]))
    return cases


def _text_of(tokens: int, count_tokens: Callable[[str], int], drawn: np.random.Generator) -> str:
    """Return words that make that many tokens, or slightly fewer if this model's words do not add up."""
    words: list[str] = []
    for word in drawn.choice(_WORDS.split(), tokens):
        if count_tokens(" ".join([*words, str(word)])) > tokens:
            break
        words.append(str(word))
    return " ".join(words)


def _to_jpeg(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def _measure(cases: Sequence[Case], ways: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    measured = []
    for case in cases:
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(max(2, rounds // case.batch) + 1):
            for name, way in ways.items():
                started = time.perf_counter_ns()
                _ask(way, case)
                if turn:  # warm-up
                    times[name].append((time.perf_counter_ns() - started) / 1e6)
        stock = float(np.median(times[STOCK]))
        for name, took in times.items():
            measured.append(
                {
                    "kind": case.kind,
                    "batch": case.batch,
                    "way": name,
                    "ms": report.spread(took, 2),
                    "ms_each": round(float(np.median(took)) / case.batch, 3),
                    "times_as_fast": round(stock / float(np.median(took)), 2),
                    "measurements": len(took),
                }
            )
    return measured


def _ask(way: Any, case: Case) -> None:
    if case.kind.startswith("text"):
        way.encode_texts(case.inputs)
    elif case.kind == "image, JPEG":
        way.encode_images([decode(data) for data in case.inputs])
    else:
        way.encode_images(case.inputs)


def _crowd(encoder: Encoder, texts: Sequence[str], requests: int) -> list[dict[str, Any]]:
    """Return latency and throughput of concurrent callers and of one, with and without batching; all texts differ."""
    short = [" ".join(text.split()[:6]) for text in texts]
    found = []
    for callers in (1, CALLERS):
        took: dict[str, list[float]] = {"each by itself": [], "together": []}
        rates: dict[str, list[float]] = {"each by itself": [], "together": []}
        for turn in range(3):
            for name in took:
                asked: Any = encoder if name == "each by itself" else BatchingEncoder(encoder, cache_bytes=0)
                started = time.perf_counter()
                with ThreadPoolExecutor(callers) as pool:
                    orders = [(asked, short, turn, caller, requests) for caller in range(callers)]
                    each = [one for many in pool.map(_call, orders) for one in many]
                rates[name].append(len(each) / (time.perf_counter() - started))
                took[name] += each
        for name, each in took.items():
            found.append(
                {
                    "callers": callers,
                    "how": name,
                    "texts_a_second": round(float(np.median(rates[name])), 1),
                    "ms": report.spread(each, 2),
                }
            )
    return found


def _call(order: tuple[Any, Sequence[str], int, int, int]) -> list[float]:
    encoder, texts, turn, caller, requests = order
    took = []
    for n in range(requests):
        # A number of its own, so that no two texts are equal.
        text = f"{texts[(caller + n) % len(texts)]} {turn * 10_000 + caller * 100 + n}"
        started = time.perf_counter_ns()
        encoder.encode_texts([text])
        took.append((time.perf_counter_ns() - started) / 1e6)
    return took


def _small_costs(encoder: Any, image: Image.Image) -> dict[str, Any]:
    """Return the costs besides the model: preparing and decoding an image, and a response from the cache."""
    batching = BatchingEncoder(encoder)
    batching.encode_texts(["red shoe"])
    batching.encode_images([image])
    data = _to_jpeg(image)
    small: dict[str, Callable[[], object]] = {
        "cached_text_us": lambda: batching.encode_texts(["red shoe"]),
        "cached_image_us": lambda: batching.encode_images([image]),
        "decode_jpeg_us": lambda: decode(data),
        "preprocess_image_us": lambda: encoder.preprocess(image),
    }
    found = {}
    for name, work in small.items():
        took = []
        for _ in range(50):
            started = time.perf_counter_ns()
            work()
            took.append((time.perf_counter_ns() - started) / 1000)
        found[name] = report.spread(took)
    return found


def _tables(
    spec: ModelSpec,
    effort: Effort,
    measured: Sequence[dict[str, Any]],
    cosines: dict[str, dict[str, float]],
    content: dict[str, Any],
) -> list[report.Table]:
    rows = []
    for entry in measured:
        side = entry["kind"].partition(",")[0].partition(" ")[0]
        cosine = "1" if entry["way"] == STOCK else f"{cosines[entry['way']][side]:.5f}"
        rows.append(
            (
                entry["kind"],
                str(entry["batch"]),
                entry["way"],
                f"{entry['ms']['p50']:.2f}",
                f"{entry['ms']['p99']:.2f}",
                f"{entry['ms_each']:.2f}",
                f"{entry['times_as_fast']:.1f}x",
                cosine,
            )
        )
    of = f"{spec.model}, {effort.threads} threads; auto computed in {content['ways']['auto']['dtype']}"
    first = ("input", "batch", "encoder", "p50", "p99", "per input", "speed", "min cosine")
    crowd = [
        (
            str(entry["callers"]),
            entry["how"],
            f"{entry['texts_a_second']:.0f}",
            *(f"{entry['ms'][p]:.1f}" for p in ("p50", "p99")),
        )
        for entry in content["crowd"]
    ]
    spent = [(name.removesuffix("_us"), f"{took['p50']:.0f}") for name, took in content["one_more"].items()]
    return [
        report.Table(f"Milliseconds, {of}", first, rows),
        report.Table(
            "Concurrent callers with short texts, milliseconds", ("callers", "encoded", "texts/s", "p50", "p99"), crowd
        ),
        report.Table("Overhead beside the model, microseconds", ("step", "median"), spent),
    ]


def _plot(measured: Sequence[dict[str, Any]], effort: Effort, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    drawn: Any = figure.subplots(1, len(effort.batches), squeeze=False)
    for axes, batch in zip(drawn[0], effort.batches, strict=True):
        for way in (STOCK, *WAYS):
            here = [entry for entry in measured if entry["batch"] == batch and entry["way"] == way]
            axes.plot(
                [entry["kind"].removeprefix("text of ") for entry in here],
                [entry["ms_each"] for entry in here],
                "o-",
                label=way,
            )
        axes.set(title=f"batches of {batch}", yscale="log")
        axes.tick_params(axis="x", rotation=60)
        axes.grid(alpha=0.3)
    drawn[0, 0].set_ylabel("milliseconds each")
    drawn[0, 0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
