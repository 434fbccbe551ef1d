"""What holds for every test: the same examples in every run, no model from a network, and one tiny model of its own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from engine.encoders.encoder import Encoder, ModelSpec, open_encoder

if TYPE_CHECKING:
    from engine.snapshot.store import Store
    from tests.support.catalogs import Prepared
    from tests.support.purchase_shop import Shop
    from tests.support.servers import Running

# Read when the libraries are first imported, so set before any test is.
os.environ["HF_HUB_OFFLINE"] = "1"

# No deadline: a slow machine is no fault of the code.
settings.register_profile("diptych", derandomize=True, deadline=None)
settings.load_profile("diptych")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the long tests first, so that all workers finish at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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


@pytest.fixture(scope="session")
def towers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One directory of a small random model for each kind of text tower."""
    from tests.support.models import CONFIGS, PREPROCESS, save_model

    root = tmp_path_factory.mktemp("towers")
    return {name: save_model(root / name, config, PREPROCESS) for name, config in CONFIGS.items()}


@pytest.fixture(scope="session")
def goods(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A store of two dozen goods beside their pictures, four of them without one; read only."""
    from tests.support.servers import build_goods

    return build_goods(tmp_path_factory.mktemp("goods"), tiny_model)


@pytest.fixture(scope="session")
def goods_server(goods: Path) -> Iterator["Running"]:
    """A server over the goods; a test that changes items starts one over a copy."""
    from tests.support.servers import running

    with running(goods) as server:
        yield server


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> "Shop":
    """Three hundred items in six kinds, and sixty shoppers who keep to one or two of them; read only."""
    from tests.support.purchase_shop import build_shop

    return build_shop(tmp_path_factory.mktemp("purchase_shop"))


@pytest.fixture(scope="session")
def shop_server(shop: "Shop") -> Iterator["Running"]:
    """A server over the purchase shop; read only."""
    from tests.support.servers import running

    with running(shop.store) as server:
        yield server


@pytest.fixture(scope="session")
def segment_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose event log has 45 shoppers of three kinds; read only."""
    from tests.support.segment_shop import build_shop

    return build_shop(tmp_path_factory.mktemp("segment_shop"))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> "Prepared":
    """A snapshot of sixty items with vectors of their own, to be copied into stores."""
    from tests.support.catalogs import Prepared, clustered

    return Prepared.build(tmp_path_factory.mktemp("prepared"), clustered(60))


@pytest.fixture
def empty_store(tmp_path: Path) -> "Store":
    """A store that nothing was written to."""
    from engine.snapshot.store import Store

    return Store(tmp_path / "store")


@pytest.fixture
def store(empty_store: "Store", prepared: "Prepared") -> "Store":
    """A store that serves a copy of the prepared snapshot."""
    empty_store.activate(prepared.add(empty_store))
    return empty_store
