"""A boundary that somebody uploads: checked, read by the readers of context, and joined to one area."""

from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils.translation import gettext as _
from shapely import coverage_is_valid, coverage_union_all, get_num_coordinates, make_valid, unary_union
from shapely.geometry.base import BaseGeometry

from ingest.errors import InputError, one_line
from ingest.readers import geopackages, kml, shapefiles
from ingest.readers.context.features import POLYGONS, read_features
from ingest.readers.context.packages import unpacked
from monitor.wording import regions
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal

MOST_BYTES = 5 * 2**20  # docker/nginx/site.conf lets a little more pass
MOST_UNPACKED_BYTES = 40 * 2**20
MOST_FEATURES = 2000
MOST_CORNERS = 20_000
MOST_CORNERS_MENDED = 500
LAYERS = {shapefiles.SUFFIX, kml.SUFFIX, ".geojson", ".json", *geopackages.SUFFIXES}


def boundary(*, content: bytes, name: str) -> regions.Region:
    """The area of all polygons in GeoJSON, KML, KMZ, a GeoPackage, or a zip of one of these or of a shapefile.

    name: of the file, for messages only; the type is recognised by the content. Raises Refusal.
    """
    file = shown_name(name)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"boundary{_suffix(content, file)}"
        path.write_bytes(content)
        try:
            with unpacked(path, most_bytes=MOST_UNPACKED_BYTES) as layer:
                if layer.suffix.lower() not in LAYERS:
                    raise Refusal(_no_boundary() % {"file": file})
                return regions.uploaded(_joined(layer, file), file)
        except InputError as fault:
            problem, remedy = _translated(fault)
            refusal = _("“%(file)s” cannot be used: %(problem)s. %(remedy)s.")
            shown = {"file": file, "problem": one_line(problem.replace(folder, "")), "remedy": remedy}
            raise Refusal(refusal % shown) from fault


def _translated(fault: InputError) -> list[str]:
    """What is wrong and what to do, in the reader's language; what only a program says stays as it is."""
    values = {name: whole(one) if isinstance(one, int) else one for name, one in fault.values.items()}
    return [_(words) % values if values else _(words) for words in fault.words]


def check_size(n_bytes: int, most_bytes: int, name: str) -> None:
    """Raise Refusal for an empty file, or one that is too large to be read while somebody waits."""
    file = shown_name(name)
    if not n_bytes:
        raise Refusal(_("“%(file)s” is empty. Export it again.") % {"file": file})
    if n_bytes > most_bytes:
        refusal = _("“%(file)s” has %(size)s kB; the limit is %(most)s kB. Simplify it, or give a part of it.")
        raise Refusal(refusal % {"file": file, "size": whole(n_bytes / 1024), "most": whole(most_bytes / 1024)})


def shown_name(name: str) -> str:
    """The name of a file as a message may quote it."""
    return one_line(Path(name.replace("\\", "/")).name)[:80]


def _no_boundary() -> str:
    return _("“%(file)s” is no boundary. Choose GeoJSON, KML, a GeoPackage, or a zip with a shapefile.")


def _suffix(content: bytes, file: str) -> str:
    """How the name of such a file ends, by its first bytes."""
    check_size(len(content), MOST_BYTES, file)
    if content.startswith(geopackages.MAGIC):
        return ".gpkg"
    if content.startswith(b"PK\x03\x04"):
        return ".zip"
    if content.startswith(shapefiles.FILE_CODE.to_bytes(4, "big")):
        refusal = _("“%(file)s” is one part of a shapefile. Zip its parts (.shp, .dbf, .prj) and choose the zip.")
        raise Refusal(refusal % {"file": file})
    begins = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begins not in {b"{", b"<"}:
        raise Refusal(_no_boundary() % {"file": file})
    return ".geojson" if begins == b"{" else kml.SUFFIX


def _joined(layer: Path, file: str) -> BaseGeometry:
    """All polygons of a layer as one area, degrees; empty where it has none.

    Mending and joining take time with the square of the corners that cross: only small outlines may need it.
    """
    outlines: list[BaseGeometry] = []
    n_corners = 0
    for number, row in enumerate(read_features(layer, POLYGONS), start=1):
        if row.geometry is not None:
            n_corners += get_num_coordinates(row.geometry)
            outlines.append(row.geometry)
        if number > MOST_FEATURES or n_corners > MOST_CORNERS:
            refusal = _("“%(file)s” has more than %(features)s features or %(corners)s corners. Simplify it first.")
            most = {"features": whole(MOST_FEATURES), "corners": whole(MOST_CORNERS)}
            raise Refusal(refusal % {"file": file, **most})
    if all(one.is_valid for one in outlines) and coverage_is_valid(outlines):
        return coverage_union_all(outlines)
    if n_corners > MOST_CORNERS_MENDED:
        raise Refusal(_("The outlines in “%(file)s” cross each other. Mend and dissolve them first.") % {"file": file})
    return unary_union([make_valid(one) for one in outlines])
