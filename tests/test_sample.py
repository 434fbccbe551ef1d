"""The generated demo catalogue: repeatable, complete, and its words agree with its pictures."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.sample import SampleSummary, contact_sheet, item_text, palette, sample_catalog, sample_item, write
from indexer.sample.kinds import KINDS
from indexer.sample.patterns import PATTERNS
from indexer.sample.sample_reviews import BLAME, PRAISE
from indexer.sample.sample_shoppers import events
from indexer.sample.scene import SIDE, render


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleSummary:
    return write(tmp_path_factory.mktemp("sample"), items=60)


def _rows(directory: Path, name: str) -> list[dict[str, object]]:
    with (directory / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _files(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two runs write the same files, byte for byte."""
    write(tmp_path / "a", items=30)
    write(tmp_path / "b", items=30)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")


def test_items_do_not_depend_on_how_many_there_are(sample: SampleSummary, tmp_path: Path) -> None:
    """The first 20 of 60 items are the 20 of a catalogue of 20: rows and pictures."""
    write(tmp_path, items=20)
    few, many = _files(tmp_path), _files(sample.directory)
    assert few["catalog.jsonl"].splitlines() == many["catalog.jsonl"].splitlines()[:20]
    pictures = [name for name in few if name.endswith(".jpg")]
    assert len(pictures) == 20
    assert all(few[name] == many[name] for name in pictures)


def test_another_seed_gives_other_items() -> None:
    """Hardly an item has the same title under another seed, and the pictures differ."""
    pairs = [(sample_item.item(7, n), sample_item.item(8, n)) for n in range(50)]
    assert sum(item_text.title(a) == item_text.title(b) for a, b in pairs) <= 1
    assert sample_catalog.jpeg(render(pairs[0][0])) != sample_catalog.jpeg(render(pairs[0][1]))


def test_every_file_row_has_its_picture(sample: SampleSummary) -> None:
    """Each row names a JPEG of the promised size, and the counts of the summary are true."""
    rows = _rows(sample.directory, "catalog.jsonl")
    assert len(rows) == sample.items == 60
    assert len({row["item_id"] for row in rows}) == 60
    for row in rows:
        with Image.open(sample.directory / str(row["image"])) as picture:
            assert (picture.format, picture.size) == ("JPEG", (SIDE, SIDE))
    assert sample.reviews == len(_rows(sample.directory, "reviews.jsonl"))
    assert sample.events == len(_rows(sample.directory, "events.jsonl"))


def test_one_turn_shows_every_kind() -> None:
    """The first items of a catalogue are one of each kind, in five or more departments."""
    first = [sample_item.item(7, n) for n in range(len(KINDS))]
    assert {item.kind.name for item in first} == set(KINDS)
    assert len({item.kind.department for item in first}) >= 5


@pytest.mark.parametrize("name", KINDS)
def test_every_attribute_shows_in_the_picture(name: str) -> None:
    """Colour, second colour, pattern or material changed, with all else the same, is seen in the picture."""
    item = next(item for item in (sample_item.item(7, n) for n in range(len(KINDS))) if item.kind.name == name)
    item = replace(item, color="red", accent="blue", pattern="plain", material=item.kind.materials[0])
    before = np.asarray(render(item), dtype=np.int64)
    changes = {
        "color": replace(item, color="yellow"),
        "accent": replace(item, accent="green"),
        "pattern": replace(item, pattern="striped"),
        "material": replace(item, material=item.kind.materials[1]),
    }
    for attribute, other in changes.items():
        seen = np.abs(np.asarray(render(other), dtype=np.int64) - before).max(axis=2) > 24
        assert seen.mean() > 0.008, (attribute, seen.mean())


def test_combinations_do_not_repeat_in_two_thousand_items() -> None:
    """Kind, colours, pattern and material together are never used twice."""
    made = [sample_item.item(7, n) for n in range(2000)]
    looks = Counter((i.kind.name, i.color, i.accent, i.pattern, i.material) for i in made)
    assert max(looks.values()) == 1
    assert {i.pattern for i in made} == set(PATTERNS)
    assert {i.color for i in made} == set(palette.COLORS)


PATTERN_STEMS = {
    "plain": ("no pattern", "one solid colour", "plain finish"),
    "striped": ("stripes", "bands all over"),
    "dotted": ("dots", "spots"),
    "checked": ("check",),
    "zigzag": ("zigzag", "chevron"),
    "starred": ("stars",),
    "floral": ("flower", "blossoms"),
}


def test_descriptions_name_every_visible_fact() -> None:
    """Kind, colour, second colour and its part, pattern and material are in the description."""
    for item in (sample_item.item(7, n) for n in range(300)):
        text = item_text.description(item).lower()
        facts = (
            item.kind.nouns,
            palette.SYNONYMS[item.color],
            palette.SYNONYMS[item.accent],
            item.kind.accent,
            PATTERN_STEMS[item.pattern],
            item_text.ADJECTIVES[item.material] + item_text.SUBSTANCES[item.material],
        )
        for said in facts:
            assert any(word in text for word in said), (said, text)


def test_titles_and_descriptions_vary() -> None:
    """A thousand items have a thousand descriptions, and nearly as many titles."""
    made = [sample_item.item(7, n) for n in range(1000)]
    assert len({item_text.description(i) for i in made}) == 1000
    assert len({item_text.title(i) for i in made}) > 980


def test_text_has_no_open_slot_and_right_articles() -> None:
    """No template slot is left open, and "a" stands before no vowel."""
    for item in (sample_item.item(3, n) for n in range(300)):
        text = f" {item_text.title(item)}. {item_text.description(item)} ".lower()
        assert "{" not in text
        assert not any(f" a {vowel}" in text for vowel in "aeio"), text


def test_prices_and_ratings_are_plausible() -> None:
    """Columns stay in their ranges; a good brand costs more and rates better than a cheap one."""
    made = [sample_item.item(7, n) for n in range(2000)]
    assert all(i.price > 0 and 1 <= i.rating <= 5 and 0 < i.popularity <= 1 and i.stock >= 0 for i in made)
    dear = [i for i in made if sample_item.BRANDS[i.brand] > 0.7]
    cheap = [i for i in made if sample_item.BRANDS[i.brand] < 0.35]
    assert np.mean([i.price / i.kind.price for i in dear]) > 1.3 * np.mean([i.price / i.kind.price for i in cheap])
    assert np.mean([i.rating for i in dear]) > np.mean([i.rating for i in cheap]) + 0.2


def test_reviews_agree_with_their_stars(sample: SampleSummary) -> None:
    """Five stars only praise, one star only blames, and the aspects beside a text are those it speaks of."""
    for review in _rows(sample.directory, "reviews.jsonl"):
        aspects = review["aspects"]
        assert isinstance(aspects, dict)
        polarity = {1: {-1}, 5: {1}}.get(int(str(review["rating"])), {-1, 1})
        assert set(aspects.values()) <= polarity
        for aspect, sign in aspects.items():
            phrases = (PRAISE if sign > 0 else BLAME)[aspect]
            assert any(p.split("{")[0] in str(review["text"]) for p in phrases), (aspect, review["text"])


def test_stars_follow_the_items_rating(sample: SampleSummary) -> None:
    """About three reviews an item, and the stars of all are near the ratings of their items."""
    reviews = _rows(sample.directory, "reviews.jsonl")
    rating = {row["item_id"]: row["rating"] for row in _rows(sample.directory, "catalog.jsonl")}
    assert 2 < len(reviews) / sample.items < 4
    gap = np.mean([float(str(r["rating"])) - float(str(rating[r["item_id"]])) for r in reviews])
    assert abs(gap) < 0.25


def test_events_are_in_order_and_refer_to_items(sample: SampleSummary) -> None:
    """Events are ordered by time; a purchase follows a cart of the same shopper, a return a purchase."""
    history = _rows(sample.directory, "events.jsonl")
    items = {row["item_id"] for row in _rows(sample.directory, "catalog.jsonl")}
    times = [datetime.fromisoformat(str(event["time"])) for event in history]
    assert times == sorted(times)
    before = {"cart": "view", "purchase": "cart", "return": "purchase"}
    seen: set[tuple[object, object, object]] = set()
    for event in history:
        assert event["item_id"] in items
        if event["type"] in before:
            assert (event["user_id"], event["item_id"], before[str(event["type"])]) in seen
        seen.add((event["user_id"], event["item_id"], event["type"]))
    assert {event["type"] for event in history} >= {"view", "cart", "purchase"}


def test_shoppers_look_at_what_they_like() -> None:
    """Half of a shopper's views fall on three kinds; evenly spread it would be about a quarter."""
    made = [sample_item.item(7, n) for n in range(500)]
    kind = {item.item_id: item.kind.name for item in made}
    views: dict[object, list[str]] = {}
    for event in events(made, 125, 7, sample_catalog.SINCE, sample_catalog.DAYS):
        if event["type"] == "view":
            views.setdefault(event["user_id"], []).append(kind[str(event["item_id"])])
    assert len(views) == 125
    shares = [sum(n for _, n in Counter(v).most_common(3)) / len(v) for v in views.values() if len(v) >= 20]
    assert np.median(shares) > 0.5


def test_progress_and_contact_sheet(tmp_path: Path) -> None:
    """Progress counts each picture, and the sheet has a half-size cell for each item."""
    calls: list[tuple[int, int]] = []
    write(tmp_path, items=12, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(n, 12) for n in range(1, 13)]
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.size == (10 * SIDE // 2, 2 * SIDE // 2)
    assert contact_sheet(tmp_path, columns=4, rows=1).size == (4 * SIDE // 2, SIDE // 2)


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    """No items, a file as directory, or a sheet of nothing: refused with the reason."""
    with pytest.raises(InvalidSetting, match="at least 1 item, got 0"):
        write(tmp_path, items=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="expected a directory, got the file"):
        write(tmp_path / "file", items=1)
    with pytest.raises(InvalidCatalogue, match=r"there is no .*catalog\.jsonl"):
        contact_sheet(tmp_path)
