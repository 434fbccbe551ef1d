"""A file of reviews into a file of what is known of each, in the order read and in constant memory."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

from indexer.catalog import Reject, count_rows
from indexer.embedding.embed import Progress
from indexer.output_file import open_output
from indexer.reviews.feedback_model import ScoredReview
from indexer.reviews.model_coverage import Coverage
from indexer.reviews.model_file import load_model
from indexer.reviews.review import Review, read

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class ScoringSummary:
    """How many reviews were scored, how many rows were rejected, and how long it took.

    warning: which reviews the model cannot read, "" if it reads all.
    """

    reviews: int
    rejects: int
    seconds: float
    warning: str


def score(path: Path, columns: Mapping[str, str], model: Path, out: Path, progress: Progress) -> ScoringSummary:
    """Write one JSON line for each review of a file, and one for each bad row beside it, if there is any.

    Both take their names when they are whole, so `out` may be the file that is read. Raises what `read` and
    `load_model` do, and InvalidCatalogue if the model cannot read half of the first reviews or more. Cost: half a
    millisecond a review on one core.
    """
    judged = load_model(model)[0]
    rows = read(path, columns)
    expected = count_rows(path)
    started = perf_counter()
    coverage = Coverage(judged)
    reviews = rejects = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        file = stack.enter_context(open_output(out))
        refused: TextIO | None = None
        while batch := list(islice(rows, _AT_ONCE)):
            good = [row for row in batch if isinstance(row, Review)]
            bad = [row for row in batch if isinstance(row, Reject)]
            coverage.add(good)
            if not reviews:
                coverage.check(path)
            for review, scored in zip(good, judged.score(good), strict=True):
                file.write(json.dumps(to_line(review, scored), ensure_ascii=False) + "\n")
            for row in bad:
                refused = refused or stack.enter_context(open_output(rejects_path(out)))
                refused.write(row.to_line())
            reviews += len(good)
            rejects += len(bad)
            progress("score reviews", reviews + rejects, max(expected, reviews + rejects))
    if not rejects:
        rejects_path(out).unlink(missing_ok=True)
    return ScoringSummary(reviews, rejects, perf_counter() - started, coverage.sentence)


def rejects_path(out: Path) -> Path:
    """Return where the rejects of an output file go."""
    return out.with_name(f"{out.name}.rejects.jsonl")


def to_line(review: Review, scored: ScoredReview) -> dict[str, Any]:
    """Return what is known of a review, under its id, or under its line if it has none."""
    named = {"review_id": review.review_id} if review.review_id else {"line": review.line}
    return {
        **named,
        "sentiment": round(scored.sentiment, 4),
        "aspects": [
            {"aspect": one.aspect, "sentiment": round(one.sentiment, 4), "quote": one.quote} for one in scored.mentions
        ],
    }
