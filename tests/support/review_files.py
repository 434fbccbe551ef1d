"""Reviews that tests make up: what they say is known, in English and in Chinese."""

import json
import random
from pathlib import Path
from typing import Any

GOOD = (
    "The fit is perfect.",
    "Great quality, I love it.",
    "Delivery was fast.",
    "Soft and comfortable.",
    "Worth every cent.",
)
BAD = (
    "The fit is terrible.",
    "Poor quality, it broke.",
    "Delivery was slow.",
    "Hard and uncomfortable.",
    "A waste of money.",
)
GOOD_ZH = ("质量很好，非常喜欢", "物流很快，推荐购买", "穿着舒服，大小合适", "味道不错，好吃")
BAD_ZH = ("质量太差了，很失望", "物流太慢，不推荐", "穿着难受，大小不合适", "味道不好，难吃")


def opinions(count: int = 160, seed: int = 3, chinese: bool = False) -> list[dict[str, Any]]:
    """Return reviews of eight items, half of praise; every fifth is torn and has three stars."""
    rng = random.Random(seed)
    good, bad = (GOOD_ZH, BAD_ZH) if chinese else (GOOD, BAD)
    rows = []
    for number in range(count):
        praise = number % 2 == 0
        said = rng.sample(good if praise else bad, 2)
        rating = rng.choice((4, 5)) if praise else rng.choice((1, 2))
        if number % 5 == 4:
            said, rating = [rng.choice(good), rng.choice(bad)], 3
        rows.append(
            {
                "review_id": f"r{number}",
                "item_id": f"i{number % 8}",
                "rating": rating,
                "text": ("。" if chinese else " ").join(said),
                "time": f"2024-{1 + number * 12 // count:02d}-15T00:00:00Z",
            }
        )
    return rows


def write_reviews(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write reviews as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
