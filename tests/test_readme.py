"""The measured numbers of the README and of the benchmarks page are those of the committed results."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUESTIONS = ("recall", "latency", "fusion")


def read_commit(name: str) -> str:
    result = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
    return result["environment"]["commit"][:10]


def test_the_readme_is_short():
    """A newcomer reads it in one go."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_the_headline_numbers_are_those_of_the_result_files():
    """Every row's result, and every other number in it, stands in the file that it links to, with its commit."""
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("| What | Result | Commit |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert len(table) >= 10
    name = ""
    for row in table:
        what, result, commit = (cell.strip() for cell in row.strip("|").split("|"))
        link = re.search(r"\(benchmarks/results/(\w+)\.md\)", what)
        name = link.group(1) if link else name  # "the same" is of the row above
        assert commit == read_commit(name), row
        measured = (ROOT / f"benchmarks/results/{name}.md").read_text()
        others = re.findall(r"(?<![\w@.-])(?:0\.\d{3,}|1\.000|\d,\d{3})(?![\d,])", re.sub(r"\(.*?\)", "", what))
        for number in [result, *others]:
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", measured), (row, number)


def test_the_numbers_are_those_of_the_result_files():
    """Recall, latency and fusion on the benchmarks page stand in a committed result, with their commit."""
    page = (ROOT / "docs/benchmarks.md").read_text()
    results = {name: json.loads((ROOT / f"benchmarks/results/{name}.json").read_text()) for name in QUESTIONS}
    recall, latency, fusion = results.values()
    lines = [f"built in {recall['summary']['build_s']:.0f} s", f"{recall['summary']['least_recall_at_10']:.3f}"]
    for closed in latency["closed"]:
        if closed["callers"] in (1, 16):
            cpu = [round(closed["targets"][name]["cpu_us_per_request"]) for name in ("raw FAISS", "bare echo")]
            served = closed["targets"]["engine serve"]
            ratio = closed["ratio"]["cpu_per_request"]["median"]
            lines.append(
                f"| {closed['callers']} | {served['recall_at_10']:.4f} | {served['latency_us']['p50']:,.0f} | "
                f"{cpu[0]} | {cpu[1]} | {served['cpu_us_per_request']:,.0f} | {ratio:.2f} |"
            )
    markdown = (ROOT / "benchmarks/results/fusion.md").read_text()
    lines += [line for line in page.splitlines() if line.startswith(("| agreeing", "| composed"))]
    assert len(lines) > 6
    for line in lines:
        assert line in page
        assert not line.startswith(("| agreeing", "| composed")) or line in markdown, line
    assert {result["environment"]["commit"][:10] for result in (recall, latency, fusion)} <= set(
        re.findall(r"[0-9a-f]{10}", page)
    )


def test_the_tables_are_those_of_the_result_files():
    """A table that names its file holds lines of that file alone, and the page has the commit it was measured at."""
    page = (ROOT / "docs/benchmarks.md").read_text()
    tables = re.findall(r"^<!-- (benchmarks/results/\S+)\.md -->\n((?:\|.*\n)+)", page, re.M)
    assert {name.rpartition("/")[2] for name, _ in tables} >= {"peers", "relevance", "encoders", "scale"}
    for name, table in tables:
        measured = (ROOT / f"{name}.md").read_text().splitlines()
        assert not set(table.splitlines()) - set(measured), name
        assert json.loads((ROOT / f"{name}.json").read_text())["environment"]["commit"][:10] in page, name
