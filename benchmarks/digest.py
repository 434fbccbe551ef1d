"""Aspects and polarity of single clauses, against the labels of annotators.

300 clauses of three shops were drawn at random before any setting was chosen. Annotators saw neither the predictions
nor each other's labels. The committed file holds positions in the reviews and labels, but no texts. Each shop's model
is fitted on the shop's other reviews.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from sklearn.metrics import cohen_kappa_score

from benchmarks import report
from engine.reviews.praise_change import NEGATIVE_THRESHOLD, POSITIVE_THRESHOLD
from indexer.progress import Reporter
from indexer.reviews.feedback_fit import fit
from indexer.reviews.snapshot_reviews import read_all

LABELS = Path(__file__).with_name("digest_labels.json")
GROUPS = {"fit": "fit and size", "size": "fit and size"}
"""Aspects that annotators do not distinguish."""
OTHER = "other"

_AGREED = "labels all agree on"

Marks = Mapping[str, str]
"""The polarity of each aspect of a clause: pos, neg, neutral or mixed."""


@dataclass(frozen=True, slots=True)
class LabelledClause:
    """words[start:end] of the review in a line of a file, with the labels of each annotator."""

    shop: str
    file: str
    line: int
    start: int
    end: int
    labels: tuple[Marks, ...]


Truth = Callable[[LabelledClause, str], str | None]
"""The polarity of an aspect in a clause, "" if it is absent, None if it is not labelled."""


def run(data: Path, json_path: Path | None = None) -> dict[str, Any]:
    """Fit a model for each shop, measure, print the tables and return the result."""
    clauses = read_labels()
    known = sorted({aspect for clause in clauses for marks in clause.labels for aspect in marks})
    with Reporter() as progress:
        found = _found(clauses, data / "reviews_en", set(known), progress)
    shops = ("", *sorted({clause.shop for clause in clauses}))
    by_truth = {
        name: {shop: figures(*_of_shop(clauses, found, shop), of) for shop in shops}
        for name, of in _truths(len(clauses[0].labels)).items()
    }
    content = {
        "settings": {
            "clauses": len(clauses),
            "labellers": len(clauses[0].labels),
            "praised": POSITIVE_THRESHOLD,
            "blamed": NEGATIVE_THRESHOLD,
            "groups": GROUPS,
        },
        "agreement": agreement(clauses, known),
        "figures": by_truth,
        "aspects": _by_aspect(clauses, found, known),
    }
    tables = _tables(content)
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "digest", content, tables)
    return content


def read_labels(path: Path = LABELS) -> list[LabelledClause]:
    """Return the labelled clauses. Aspects that annotators do not distinguish are merged."""
    return [
        LabelledClause(
            **{name: row[name] for name in ("shop", "file", "line", "start", "end")},
            labels=tuple(map(_grouped, row["labels"])),
        )
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]


def agreement(clauses: Sequence[LabelledClause], known: Sequence[str]) -> dict[str, Any]:
    """Return Cohen's kappa of two annotators, for aspects and for the polarity of aspects that both marked.

    The result is empty for a single annotator.
    """
    if len(clauses[0].labels) < 2:
        return {}
    marked = [[aspect in clause.labels[who] for clause in clauses for aspect in known] for who in (0, 1)]
    both = [(clause, aspect) for clause in clauses for aspect in known if all(aspect in one for one in clause.labels)]
    polarities = [[clause.labels[who][aspect] for clause, aspect in both] for who in (0, 1)]
    return {
        "aspects": round(float(cohen_kappa_score(*marked)), 4),
        "aspects_marked": [sum(one) for one in marked],
        "aspects_both": len(both),
        "polarity": round(float(cohen_kappa_score(*polarities)), 4),
        "polarity_same": round(sum(a == b for a, b in zip(*polarities, strict=True)) / max(1, len(both)), 4),
    }


def _found(
    clauses: Sequence[LabelledClause], folder: Path, known: set[str], progress: Callable[[str, int, int | None], None]
) -> list[Marks]:
    """Return the predictions for each clause, as a digest counts them, by models that have not seen the reviews."""
    reviews = {file: read_all(folder / file, {}, progress)[0] for file in sorted({clause.file for clause in clauses})}
    by_line = {(file, review.line): review for file, rows in reviews.items() for review in rows}
    asked = [by_line[clause.file, clause.line] for clause in clauses]
    held = {review.words for review in asked}
    models = {
        file: fit([review for review in rows if review.words not in held], progress).model
        for file, rows in reviews.items()
    }
    found: list[Marks] = []
    for clause, review in zip(clauses, asked, strict=True):
        marks: dict[str, list[float]] = {}
        for mention in models[clause.file].score_clauses([review])[0]:
            if (
                mention.start < clause.end
                and clause.start < mention.end
                and not NEGATIVE_THRESHOLD < mention.sentiment < POSITIVE_THRESHOLD
            ):
                name = GROUPS.get(mention.aspect, mention.aspect)
                marks.setdefault(name if name in known else OTHER, []).append(mention.sentiment)
        found.append({name: "pos" if sum(values) > len(values) / 2 else "neg" for name, values in marks.items()})
    return found


def _grouped(marks: Marks) -> Marks:
    grouped: dict[str, set[str]] = {}
    for aspect, polarity in marks.items():
        grouped.setdefault(GROUPS.get(aspect, aspect), set()).add(polarity)
    return {aspect: found.pop() if len(found) == 1 else "mixed" for aspect, found in grouped.items()}


def agreed(clause: LabelledClause, aspect: str) -> str | None:
    """Return the polarity that all give, "" if none marks the aspect, None if they disagree on whether it is there."""
    given = {marks.get(aspect, "") for marks in clause.labels}
    if len(given) == 1:
        return given.pop()
    return None if "" in given else "unsettled"


def _truths(labellers: int) -> dict[str, Truth]:
    """Return the ground truths by name: the consensus, and each annotator's labels if there are several."""

    def of(who: int) -> Truth:
        return lambda clause, aspect: clause.labels[who].get(aspect, "")

    alone = {f"labels of labeller {who + 1}": of(who) for who in range(labellers)}
    return {_AGREED: agreed, **alone} if labellers > 1 else alone


def _of_shop(
    clauses: Sequence[LabelledClause], found: Sequence[Marks], shop: str
) -> tuple[list[LabelledClause], list[Marks]]:
    rows = [row for row, clause in enumerate(clauses) if shop in ("", clause.shop)]
    return [clauses[row] for row in rows], [found[row] for row in rows]


def figures(
    clauses: Sequence[LabelledClause],
    found: Sequence[Marks],
    truth: Truth,
    only: str = "",
) -> dict[str, Any]:
    """Return precision and recall of aspects, and the polarity accuracy of those found.

    polarity_strict: the same, counting neutral and mixed labels as errors.   only: a single aspect.
    """
    right = wrong = listed = true = clear = same = 0
    for clause, marks in zip(clauses, found, strict=True):
        for aspect in {*marks, *chain.from_iterable(clause.labels)}:
            polarity = truth(clause, aspect)
            if polarity is None or only not in ("", aspect):
                continue
            # Annotators mark properties that are none of the system's aspects.
            true += polarity != "" and aspect != OTHER
            if aspect in marks:
                right += polarity != ""
                listed += polarity != "" and aspect != OTHER
                wrong += polarity == ""
                clear += polarity in ("pos", "neg")
                same += polarity == marks[aspect]
    return {
        "found": right + wrong,
        "precision": _share(right, right + wrong),
        "labelled": true,
        "recall": _share(listed, true),
        "polarity": _share(same, clear),
        "polarity_strict": _share(same, right),
    }


def _by_aspect(clauses: Sequence[LabelledClause], found: Sequence[Marks], known: Sequence[str]) -> dict[str, Any]:
    by_aspect = {aspect: figures(clauses, found, agreed, aspect) for aspect in known}
    return {aspect: by_aspect[aspect] for aspect in sorted(known, key=lambda one: -by_aspect[one]["labelled"])}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _tables(content: Mapping[str, Any]) -> list[report.Table]:
    rows = [
        [name, shop.replace("_", " ") or "all", *map(_shown, values.values())]
        for name, by_shop in content["figures"].items()
        for shop, values in by_shop.items()
    ]
    columns = list(next(iter(content["aspects"].values())))
    tables = [report.Table("Aspects of held-out clauses", ["truth", "shop", *columns], rows)]
    rows = [[aspect, *map(_shown, values.values())] for aspect, values in content["aspects"].items()]
    tables.append(report.Table("By aspect", ["aspect", *columns], rows))
    if content["agreement"]:
        rows = [[name, str(value)] for name, value in content["agreement"].items()]
        tables.append(report.Table("Agreement of the two labellers (Cohen's kappa)", ["label", "kappa"], rows))
    return tables


def _shown(value: float | int | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
