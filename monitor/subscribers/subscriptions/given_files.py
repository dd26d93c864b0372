"""Files that visitors upload: boundaries and lines; a confined process reads them."""

import json
from pathlib import Path
from typing import TypeVar

from django.utils.translation import gettext as _
from shapely import LineString, MultiPolygon, from_wkb

from ground_motion.core.errors import InputError, one_line, short, shortened
from ingest.jobs.given import NotRead, read_given
from monitor.wording import regions
from monitor.wording.figures import decimal, whole
from monitor.wording.refusals import Refusal

MAX_BYTES = 5 * 2**20  # Boundaries and lines; docker/nginx/site.conf allows slightly more.
MAX_NAME = 32
Shape = TypeVar("Shape", LineString, MultiPolygon)


def boundary(*, content: bytes, name: str) -> regions.Region:
    """Return the region of a boundary file. name: of the file, for messages only. Raises Refusal."""
    check_size(len(content), MAX_BYTES, name)
    read = json.loads(_read("boundary", content, name))
    return regions.uploaded(_shape(read["outline"], MultiPolygon), float(read["size_m2"]))


def line(*, content: bytes, name: str) -> tuple[LineString, float]:
    """Return the line of a file, in degrees, and its length in metres. name: for messages only. Raises Refusal."""
    check_size(len(content), MAX_BYTES, name)
    read = json.loads(_read("line", content, name))
    return _shape(read["line"], LineString), float(read["length_m"])


def check_size(n_bytes: int, most_bytes: int, name: str) -> None:
    """Raise Refusal if a file is empty, or too large to be read while somebody waits."""
    file = shown_name(name)
    if not n_bytes:
        raise Refusal(_("“%(file)s” is empty. Export it again.") % {"file": file})
    if n_bytes > most_bytes:
        refusal = _("“%(file)s” has %(size)s kB; the limit is %(most)s kB. Make it smaller, or give a part of it.")
        raise Refusal(refusal % {"file": file, "size": whole(n_bytes / 1024), "most": whole(most_bytes / 1024)})


def shown_name(name: str) -> str:
    """Return the name of a file for use in a message."""
    return one_line(Path(name.replace("\\", "/")).name, MAX_NAME)


def _read(reader: str, content: bytes, name: str, **options: float) -> bytes:
    """Return the answer of a reader of ingest.given on a file. Raises Refusal in the visitor's language."""
    file = shown_name(name)
    try:
        return read_given(reader, content, **options)
    except NotRead as fault:
        refusal = _(
            "“%(file)s” could not be read: it is damaged or too complicated. Make it smaller, or save it again."
        )
        raise Refusal(refusal % {"file": file}) from fault
    except InputError as fault:
        values = {name: _shown(value) for name, value in fault.values.items()}
        problem, remedy = (_(words) % values if values else _(words) for words in fault.words)
        refusal = _("“%(file)s” cannot be used: %(problem)s. %(remedy)s.")
        folder = str(Path(fault.path).parent)  # Messages must not show the temporary folder.
        shown = {"file": short(file), "problem": "", "remedy": remedy}
        shown["problem"] = shortened(problem.replace(folder, ""), len(refusal % shown))
        raise Refusal(refusal % shown) from fault


def _shown(value: str | float) -> str:
    """Return a value of a message as readers of the page's language write it."""
    if isinstance(value, float):
        return decimal(value, 2)
    return whole(value) if isinstance(value, int) else value


def _shape(wkb: str, kind: type[Shape]) -> Shape:
    shape = from_wkb(wkb)
    if not isinstance(shape, kind):
        raise TypeError(f"a {kind.__name__} was expected, not a {type(shape).__name__}")
    return shape
