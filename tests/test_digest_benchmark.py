"""How clauses that two labellers marked are scored: what both mark, what one marks, and whose polarity counts."""

from benchmarks.digest import LABELS, LabelledClause, agreed, agreement, figures, read_labels


def clause(first: dict[str, str], second: dict[str, str]) -> LabelledClause:
    return LabelledClause("shop", "file", 1, 0, 9, (first, second))


CLAUSES = [
    clause({"price": "pos"}, {"price": "pos"}),
    clause({"price": "neg", "look": "pos"}, {"price": "neg"}),
    clause({}, {}),
    clause({"taste": "neutral"}, {"taste": "neutral"}),
    clause({"smell": "pos"}, {"smell": "pos"}),
]


def test_what_only_one_labeller_marks_is_neither_right_nor_wrong() -> None:
    """Found: price twice, look (disputed), quality (wrong), taste (right, neutral); smell is missed. By hand."""
    found = [{"price": "pos"}, {"price": "pos", "look": "pos"}, {"quality": "neg"}, {"taste": "pos"}, {}]
    told = figures(CLAUSES, found, agreed)
    assert (told["found"], told["precision"]) == (4, 0.75)
    assert (told["labelled"], told["recall"]) == (4, 0.75)
    assert (told["polarity"], told["polarity_strict"]) == (0.5, 0.3333)


def test_agreement_is_that_of_two_labellers() -> None:
    """Of 20 decisions 19 agree; 4 and 5 are marked. Expected (.25 * .2 + .75 * .8) = .65, kappa .3 / .35; by hand."""
    told = agreement(CLAUSES, ["price", "look", "taste", "smell"])
    assert told["aspects"] == 0.8571
    assert (told["polarity"], told["polarity_same"]) == (1.0, 1.0)
    assert told["aspects_both"] == 4


def test_labels_hold_places_and_no_texts() -> None:
    """300 clauses, 100 of each shop, each marked by as many labellers; fit and size are one aspect."""
    rows = read_labels()
    assert len(rows) == len({(row.file, row.line, row.start) for row in rows}) == 300
    assert {sum(row.shop == shop for row in rows) for shop in {row.shop for row in rows}} == {100}
    assert len({len(row.labels) for row in rows}) == 1
    assert not {"fit", "size"} & {aspect for row in rows for marks in row.labels for aspect in marks}
    assert '"text"' not in LABELS.read_text(encoding="utf-8")
