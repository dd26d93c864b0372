"""Draw texts of the project for somebody to judge, and count the judgements.

    python -m lab.checks.texts --seed 5 > FILE       20 docstrings, 20 comments and 20 texts of pages
    python -m lab.checks.texts --judged FILE         how many of each kind are marked [x]

The rule: mark a text with [x] where a programmer who knows Python and has read docs/architecture.md, but not the code
around it, understands it at one reading; of a page, where a mayor does. A word with another meaning than in the field
or in a dictionary, a pronoun without its noun, a fragment, or a second reading for its syntax leaves the box empty.
"""

import argparse
import ast
import random
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polib

from lab.checks.weights import FILE, ROOT, read, sources
from lab.sources import tree

N_TEXTS = 20  # This many texts of each kind are drawn.
BOX = re.compile(r"^\[([ x])\] (\w+)", re.M)
MIN_WORDS = 3  # Shorter ones are names, directives of tools and labels.


def docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(tree(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield text


def comments(path: Path) -> Iterator[str]:
    """Yield the comments of a module: those that follow each other as one, another with the code of its line."""
    block, last = list[str](), 0
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type != tokenize.COMMENT:
                continue
            line, is_alone = token.start[0], token.line.lstrip().startswith("#")
            if block and not (is_alone and line == last + 1):
                yield " ".join(block)
                block = []
            if is_alone:
                block.append(token.string.lstrip("#! "))
                last = line
            else:
                yield token.line.strip()
    if block:
        yield " ".join(block)


def pages() -> Iterator[str]:
    """Yield the English texts of pages, mails and refusals."""
    for entry in polib.pofile(str(ROOT / "locale/de/LC_MESSAGES/django.po")):
        yield entry.msgid


@cache
def known() -> dict[str, list[str]]:
    """Return the texts of each kind, sorted."""
    packages = read((ROOT / FILE).read_text(encoding="utf-8")).packages
    paths = [path for name in packages for path in sorted(sources(ROOT / name))]
    kinds = {
        "docstring": [text for path in paths for text in docstrings(path)],
        "comment": [text for path in paths for text in comments(path)],
        "page": [*pages()],
    }
    return {kind: sorted({text for text in texts if len(text.split()) >= MIN_WORDS}) for kind, texts in kinds.items()}


def drawn(seed: int) -> Iterator[tuple[str, str]]:
    """Yield kind and text of what is drawn; the same for the same seed and the same code."""
    choice = random.Random(seed)  # noqa: S311
    for kind, texts in known().items():
        yield from ((kind, text) for text in choice.sample(texts, N_TEXTS))


def main() -> int:
    """Print what is drawn, or what was judged."""
    parser = argparse.ArgumentParser(description="Draw texts of the project for somebody to judge.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int)
    what.add_argument("--judged", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.judged is None:
        print(*(f"[ ] {kind}\n{text}\n" for kind, text in drawn(options.seed)), sep="\n")
        return 0
    boxes = BOX.findall(options.judged.read_text(encoding="utf-8"))
    understood = Counter(kind for mark, kind in boxes if mark == "x")
    for kind, n in Counter(kind for _, kind in boxes).items():
        print(f"{kind}: {understood[kind]} of {n} at one reading")
    return 0


if __name__ == "__main__":
    sys.exit(main())
