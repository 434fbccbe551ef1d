"""What holds for every test: the same examples in every run, no model from a network, and one tiny model of its own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engine.encoders.encoder import Encoder, ModelSpec, open_encoder

# Read when the libraries are first imported, so set before any test is.
os.environ["HF_HUB_OFFLINE"] = "1"

# No deadline: a slow machine is no fault of the code.
settings.register_profile("diptych", derandomize=True, deadline=None)
settings.load_profile("diptych")

TINY_MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 1},
}
TINY_PREPROCESS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "resize_mode": "shortest"}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a 16-d CLIP of random weights in open_clip's format; the same weights every time."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    directory = tmp_path_factory.mktemp("tiny_model")
    config = {"model_cfg": TINY_MODEL, "preprocess_cfg": TINY_PREPROCESS}
    (directory / "open_clip_config.json").write_text(json.dumps(config))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{directory}")
    save_file(model.state_dict(), directory / "open_clip_model.safetensors")
    return directory


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL of our own; skips where none is installed, which CI takes for a failure."""
    from benchmarks.postgres import cluster
    from engine.errors import MissingDependency

    try:
        with cluster(durable=False) as address:
            yield address
    except MissingDependency as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """The address of a PostgreSQL in which nothing was ever recorded."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS diptych_events")
    return postgres_server


@pytest.fixture(scope="session")
def tiny_encoder(tiny_model: Path) -> Encoder:
    """The tiny model, opened on the CPU in float32."""
    return open_encoder(ModelSpec(str(tiny_model)), "cpu", "float32")
