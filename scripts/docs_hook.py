"""Hook of mkdocs: README.md is the first page, the library has a page of its own, links to code lead to no page."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import ground_motion

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s:]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made: the overview out of README.md, and the reference out of docstrings."""
    overview = re.sub(r"\]\(docs/", "](", (ROOT / "README.md").read_text())
    names = "\n\n".join(f"::: ground_motion.{name}" for name in ground_motion.__all__)
    usage = (ground_motion.__doc__ or "").strip()
    files.append(File.generated(config, "index.md", content=overview))
    files.append(File.generated(config, "library.md", content=f"# The library\n\n{usage}\n\n{names}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep the text only of a link to a file of the repository that is no part of the site."""

    def kept(link: re.Match[str]) -> Any:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), link[2]))
        return link[0] if files.get_file_from_path(target) else link[1]

    return LINK.sub(kept, markdown)
