"""Encode with any open_clip model: by architecture and weights, from a directory, from a hub, or the embedded one."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from engine.encoders import checkpoint, runtimes
from engine.encoders.checkpoint import ModelFiles
from engine.encoders.converted_models import ConvertedModels
from engine.encoders.devices import to_device, to_dtype
from engine.encoders.encoder import GOLDEN_TEXTS, Fingerprint, ModelSpec, digest, golden_images
from engine.encoders.runtimes import ChosenRuntime, EncoderSide
from engine.encoders.text_coverage import known_shares
from engine.encoders.text_tower import TextTower
from engine.scoring.vectors import to_unit

Matrix = NDArray[np.float32]

# Maximum padding of a text, in tokens, in exchange for a larger batch.
MAX_PADDING = 8

_PROBES = (
    "",
    "A red shoe, size 42½",
    "élégante ROBE d'été",
    "夏のワンピース",
    "naïve  café\n& <b>tags</b> 👟",
    "word " * 99,
)


class OpenClipEncoder:
    """Encodes with one open_clip model held in memory; thread-safe.

    Attributes:
        model, tokenizer, preprocess: open_clip's own objects.
        runtimes: The runtime of each side, "image" and "text".
    """

    def __init__(
        self,
        spec: ModelSpec,
        device: str = "auto",
        dtype: str = "auto",
        *,
        runtime: str = "auto",
        threads: int | None = None,
        batch_size: int = 64,
        random_weights: bool = False,
    ) -> None:
        """Load the model.

        Args:
            spec: The model.
            device: auto, cpu, cuda or cuda:N.
            dtype: auto, float32 or bfloat16.
            runtime: torch; openvino (CPU only); or auto, which picks openvino for a large model if it is installed, no
                dtype is set and its vectors agree. A side that openvino does not support runs on torch.
            threads: Number of CPU threads for the whole process; None leaves it unchanged.
            batch_size: Inputs per batch; limits memory.
            random_weights: Accept an architecture without weights; its vectors are meaningless, its speed is not.

        Raises:
            InvalidSetting: The device, dtype, runtime or model does not exist.
            MissingDependency: openvino is requested and not installed.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        self.device = to_device(device)
        self.dtype = to_dtype(dtype, self.device)
        try_openvino = runtimes.wants_openvino(runtime, self.device, dtype)
        if try_openvino:
            self.dtype = torch.float32
        self.batch_size = batch_size
        source = checkpoint.find(spec, random_weights)
        self.model = checkpoint.load(source, self.device, self.dtype)
        self.tokenizer = checkpoint.tokenizer(source)
        settings: dict[str, Any] = json.loads(json.dumps(self.model.visual.preprocess_cfg))
        self.preprocess = image_transform_v2(PreprocessCfg(**settings), is_train=False)
        self._tower = TextTower.of(self.model)
        self._threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="preprocess")
        self.dim = self._compute_texts(self.tokenizer([""])).shape[1]
        architecture, weights = _describe(source.config()), _hash_weights(source, self.model)
        image, text = self._torch_runtimes()
        if try_openvino:
            identity = {"architecture": architecture, "weights_sha256": weights}
            # Random weights never recur.
            conversions = None if source.weights is None else ConvertedModels()
            image, text = (
                runtimes.choose(side, identity, dtype == "float32", runtime == "openvino", conversions)
                for side in (self._image_side(), self._text_side())
            )
        self.runtimes = {"image": image.runtime, "text": text.runtime}
        self._encode_pixels, self._encode_tokens = image.encode, text.encode
        self.fingerprint = Fingerprint(
            architecture=architecture,
            weights_sha256=weights,
            tokenizer_sha256=_hash_tokenizer(self.tokenizer),
            preprocess=settings,
            preprocess_sha256=digest(settings),
            dim=self.dim,
            dtype=image.dtype if image.dtype == text.dtype else f"{image.dtype}+{text.dtype}",
        )

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows, one per text; longer texts are truncated to the context length.

        Equal to stock open_clip within float32 rounding, but computes only the text's own tokens, not the padding.
        """
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), 16 * self.batch_size):
            tokens = self.tokenizer(list(texts[start : start + 16 * self.batch_size]))
            lengths = self._tower.lengths(tokens).numpy()
            for positions in _bucket(lengths, self.batch_size):
                cut = tokens[torch.from_numpy(positions), : int(lengths[positions].max())]
                rows[start + positions] = self._encode_tokens(cut)
        return to_unit(rows)

    def known_shares(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) the share of each text that is in the tokenizer's vocabulary, 0 to 1."""
        return known_shares(getattr(self.tokenizer, "tokenizer", self.tokenizer), texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) unit rows, one per image; the next batch is preprocessed while this one is computed."""
        rows = np.zeros((len(images), self.dim), dtype=np.float32)
        for start, pixels in self._prepare(images):
            rows[start : start + len(pixels)] = self._encode_pixels(pixels)
        return to_unit(rows)

    def _prepare(self, images: Sequence[Image.Image]) -> Iterator[tuple[int, torch.Tensor]]:
        ahead: list[Future[torch.Tensor]] = []
        for start in range(0, len(images), self.batch_size):
            current = ahead or self._submit(images, start)
            ahead = self._submit(images, start + self.batch_size)
            yield start, torch.stack([future.result() for future in current])

    def _submit(self, images: Sequence[Image.Image], start: int) -> list[Future[torch.Tensor]]:
        return [self._threads.submit(self.preprocess, image) for image in images[start : start + self.batch_size]]

    def _compute_images(self, pixels: torch.Tensor) -> Matrix:
        with torch.inference_mode():
            rows = self.model.encode_image(pixels.to(self.device, self.dtype), normalize=False)
            return _to_numpy(rows)

    def _compute_texts(self, tokens: torch.Tensor) -> Matrix:
        with torch.inference_mode():
            return _to_numpy(self._tower.encode(tokens.to(self.device)))

    def _torch_runtimes(self) -> tuple[ChosenRuntime, ChosenRuntime]:
        """Return torch for the image and text side."""
        dtype = str(self.dtype).removeprefix("torch.")
        return ChosenRuntime(self._compute_images, "torch", dtype), ChosenRuntime(self._compute_texts, "torch", dtype)

    def _image_side(self) -> EncoderSide:
        """Return how the image side is converted and verified: on images, noise, and several at once."""
        pixels = torch.stack([self.preprocess(image) for image in golden_images()])
        noise = torch.randn((8, *pixels.shape[1:]), generator=torch.Generator().manual_seed(1))
        noise *= torch.linspace(0.2, 1.5, 8)[:, None, None, None]
        return EncoderSide(
            name="image",
            model=self.model,
            weights=sum(parameter.numel() for parameter in self.model.visual.parameters()),
            encode=self._compute_images,
            traced=lambda inputs: self.model.encode_image(inputs, normalize=False),
            example=noise[:2],
            shape=(-1, *pixels.shape[1:]),
            inputs=[pixels[:1], pixels[1:], noise],
            convolutional=_is_convolutional(self.model.visual),
        )

    def _text_side(self) -> EncoderSide:
        """Return how the text side is converted and verified: on texts of every length, alone and in batches."""
        texts = [*GOLDEN_TEXTS, *_phrases()]
        tokens = self.tokenizer(texts)
        tower = self._tower
        lengths = tower.lengths(tokens).numpy()
        whole = tower.pool == "whole"
        return EncoderSide(
            name="text",
            model=self.model,
            weights=tower.weights(),
            encode=self._compute_texts,
            traced=(lambda inputs: self.model.encode_text(inputs, normalize=False)) if whole else tower.encode_cut,
            example=tokens[:2, : tokens.shape[1] if whole else 9].contiguous(),
            shape=(-1, tokens.shape[1] if whole else -1),
            inputs=[
                tokens[torch.from_numpy(positions), : int(lengths[positions].max())]
                for size in (1, self.batch_size)
                for positions in _bucket(lengths, size)
            ],
        )


def _phrases() -> list[str]:
    """Return search queries from one word to a description, the same every time."""
    words = (
        "red leather shoe men's blue cotton T-shirt size 42 wooden garden table lamp été summer dress £9.99 black bag"
    )
    rng = np.random.default_rng(1)
    return [" ".join(rng.choice(words.split(), length)) for length in (1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 11, 16, 24)]


def _to_numpy(rows: torch.Tensor) -> Matrix:
    array: Matrix = rows.float().cpu().numpy()
    return array


def _bucket(lengths: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Yield positions of texts that share a batch: at most batch_size, each padded by at most MAX_PADDING."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = lengths[order[start]] + MAX_PADDING
        end = min(start + batch_size, int(np.searchsorted(lengths[order], longest, side="right")))
        yield order[start:end]
        start = end


def _describe(config: dict[str, Any]) -> str:
    """Return a readable name of the architecture, with a hash of everything the name leaves out."""
    image, text = config["vision_cfg"], config["text_cfg"]
    image_tower = (
        image.get("timm_model_name") or f"vit{image.get('layers')}x{image.get('width')}p{image.get('patch_size')}"
    )
    text_tower = text.get("hf_model_name") or f"text{text.get('layers')}x{text.get('width')}"
    kind = "coca" if "multimodal_cfg" in config else "clip"
    size = image.get("image_size")
    return f"{kind}-{image_tower}@{size}-{text_tower}-{config['embed_dim']}d-{digest(config)[:8]}"


def _is_convolutional(side: torch.nn.Module) -> bool:
    """Return whether a tower has more convolutions than linear layers; false for ViT and ConvNeXt."""
    layers = list(side.modules())
    convolutions = sum(isinstance(layer, torch.nn.Conv2d) for layer in layers)
    return convolutions > sum(isinstance(layer, torch.nn.Linear) for layer in layers)


def _hash_weights(source: ModelFiles, model: Any) -> str:
    """Return the sha256 of the weights file (about a second per GB), or of random weights' names and values."""
    if source.weights is not None:
        with source.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    hashed = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        hashed.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hashed.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def _hash_tokenizer(tokenizer: Any) -> str:
    """Return the sha256 of the vocabulary and the tokens of a few hard texts; files can differ where these agree."""
    inner = getattr(tokenizer, "tokenizer", None)
    vocabulary = inner.get_vocab() if inner is not None else tokenizer.encoder
    return digest({"vocabulary": vocabulary, "probes": tokenizer(list(_PROBES)).tolist()})
