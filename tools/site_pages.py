"""Adds pages that are kept outside docs/ to the site: the root's documents, benchmark results and model cards.

They stay where GitHub and a reader of the sources look for them; links to them are rewritten to their pages.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Repository path by page.
_PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
    "results/model-base.md": "engine/models/base/README.md",
    "results/model-mini.md": "engine/models/mini/README.md",
}
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are kept elsewhere."""
    pages = {page: ROOT / path for page, path in _PAGES.items()}
    for path in sorted((ROOT / "benchmarks/results").iterdir()):
        if path.suffix in (".md", ".png"):
            pages[f"results/{path.name}"] = path
    for page, path in pages.items():
        files.append(File.generated(config, page, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to files of the repository that have a page, and unlink those that have none."""
    source = page.file.src_uri
    folder = (ROOT / _to_path(source)).parent
    return _LINK.sub(lambda match: _rewrite(match, folder, source), markdown)


def _rewrite(match: re.Match[str], folder: Path, source: str) -> str:
    text, target, anchor = match.groups(default="")
    path = (folder / target).resolve()
    if not path.exists() or not path.is_relative_to(ROOT):
        return match.group()
    page = _to_page(str(path.relative_to(ROOT)))
    return f"[{text}]({'../' * source.count('/')}{page}{anchor})" if page else text


def _to_path(page: str) -> str:
    """Return the repository path of a page."""
    if page in _PAGES:
        return _PAGES[page]
    return f"benchmarks/{page}" if page.startswith("results/") else f"docs/{page}"


def _to_page(path: str) -> str | None:
    """Return the page of a repository path, None if it has none."""
    for page, origin in _PAGES.items():
        if path == origin:
            return page
    if path.startswith("benchmarks/results/"):
        return path.removeprefix("benchmarks/")
    return path.removeprefix("docs/") if path.startswith("docs/") else None
