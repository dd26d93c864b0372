"""What a file or folder is that no reader takes: what it looks like, what is missing, and the one next step.

Signatures: the formats' published descriptions. Suggested commands are those of GDAL 3 and of common archivers.
"""

import os
import re
import shlex
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ground_motion.core.errors import InputError, UnknownColumns, first_names, short
from ground_motion.core.files import begins, head_of, names_in
from ground_motion.readers import hdf5, raster
from ground_motion.readers.tables import mapping, text_table
from ground_motion.readers.vectors.packages import names_in_zip

UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".download", ".filepart", ".aria2")
WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
MAX_NAME = 40  # A command shows this many letters of a name.
HEAD_BYTES = 512
TEXT_BYTES = 2**13  # The first lines of a text say what it is.
SHAPE_AS_TEXT = re.compile(
    r"""\{\s*"+(?:type|coordinates)|(?:SRID=\d+;\s*)?(?:MULTI)?POINT[ ZM]*\(|0[01]0[01][\dA-F]{30}""", re.I
)

TABLES = tomllib.loads((Path(__file__).with_suffix(".toml")).read_text(encoding="utf-8"))
_BY_ENDING: dict[str, dict[str, tuple[str, str]]] = {
    table: {ending: (problem, remedy) for endings, problem, remedy in TABLES[table] for ending in endings.split()}
    for table in ("parts", "endings")
}
PARTS, ENDINGS = _BY_ENDING["parts"], _BY_ENDING["parts"] | _BY_ENDING["endings"]
BINARY = re.compile(rb"[\0-\x08\x0e-\x1a]")  # No text holds these bytes.
FLOAT_BYTES = 4
ZARR = frozenset({".zgroup", ".zarray", ".zmetadata", "zarr.json"})
BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")  # A text in UTF-16 begins with one of them.
DATED_PAIR = re.compile(r"\d{7,8}[_-]\d{7,8}")  # GMTSAR counts the days of a year.


def refuse_evident(path: Path) -> None:
    """Raise InputError for what no reader need look at: nothing there, not readable, unfinished, a web page."""
    if not os.path.lexists(path):
        raise InputError(path, "there is no such file", "Check the path")
    if path.is_symlink() and not path.exists():
        raise InputError(path, f"this is a link to {short(os.readlink(path))}, which does not exist", "Give the file")
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise InputError(path, "its name is not written in UTF-8, which libraries need", "Rename it, or its folder")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise InputError(path, "its permissions do not let this account read it", f"Run chmod a+r {short(path.name)}")
    if path.is_dir():
        return
    if not path.is_file():
        raise InputError(path, "this is neither a file nor a folder", "Give a file")
    if not path.stat().st_size:
        raise InputError(path, "the file is empty", "Download or export it again")
    if path.suffix.lower() in UNFINISHED:
        raise InputError(path, f"this is a download that has not ended ({path.suffix})", "Wait for its end")
    head = head_of(path, HEAD_BYTES)
    if WEB_PAGE.match(head):
        problem = "this is a web page: the server asked for a login or reported a fault"
        raise InputError(path, problem, "Sign in there, then download the file again")
    if path.suffix.lower() != ".zip" or zipfile.is_zipfile(path):
        return
    if head.startswith(b"PK"):
        raise InputError(path, "this is not a whole zip file", "Download it again: it may have been cut off")
    guess = _guess_from_content(path, head) or ("its content is of another kind", "Call it as what it is")
    raise InputError(path, f"this is not a zip file; {guess[0]}", guess[1])


def unknown(path: Path) -> InputError:
    """Return the refusal of what no reader recognises: what it is nearest to, what is missing, the next step."""
    try:
        problem, remedy = _guess_folder(path) if path.is_dir() else _guess_file(path)
    except InputError as fault:  # The error of a damaged table or HDF5 file explains it.
        return fault
    return InputError(path, problem, remedy)


def _guess_file(path: Path) -> tuple[str, str]:
    head, suffix = head_of(path, HEAD_BYTES), path.suffix.lower()
    ending = ".aux.xml" if path.name.lower().endswith(".aux.xml") else suffix
    if ending in PARTS:
        return _insert_name(path, *PARTS[ending], ending)
    if known := _guess_from_content(path, head):
        return known
    if head.startswith(hdf5.MAGIC):
        return _guess_datasets(path)
    described = Path(path.stem).suffix.lower()
    if suffix in {".vrt", ".xml", ".hdr"} and ENDINGS.get(described) == ENDINGS[".unw"]:
        ending = described  # ISCE writes these files of metadata beside its images.
    if ending == ".hdr" or (head.startswith(b"ENVI") and ending not in ENDINGS):
        images = (path.with_suffix(end) for end in ("", ".img", ".dat", ".bin"))
        image = next((short(each.name) for each in images if each.is_file()), None)
        if image is None:
            return "this is the header of an ENVI image, and the image itself is missing", "Give the image beside it"
        return f"this is the header of the ENVI image {image}", f"Convert that: gdal_translate {image} {path.stem}.tif"
    if ending in ENDINGS:
        return _insert_name(path, *ENDINGS[ending], ending)
    if any(begins(header, {".hdr"}, b"ENVI") for header in (Path(f"{path}.hdr"), path.with_suffix(".hdr"))):
        return _insert_name(path, "this is an ENVI image", "Convert it: gdal_translate {name} {stem}.tif", suffix)
    if suffix in raster.SUFFIXES:
        return "it is called a GeoTIFF, but its content is of another format", "Make it again"
    if BINARY.search(head) and not head.startswith(BYTE_ORDERS) and path.stat().st_size % FLOAT_BYTES == 0:
        name = path.name if shlex.quote(path.name) == path.name else "FILE"
        problem = "these are binary numbers whose grid the file does not state, as GAMMA and LiCSBAS write them"
        return problem, f"Give the folder of the product, or a GeoTIFF (data2geotiff EQA.dem_par {name} 2 vel.tif)"
    begin = head_of(path, TEXT_BYTES).decode("utf-8", "replace")
    for pattern, problem, remedy in () if begin.lstrip()[:1] in {*"{[<"} else TABLES["texts"]:
        if re.search(pattern, begin, re.MULTILINE):
            return problem, remedy
    if suffix in text_table.SUFFIXES:
        raise UnknownColumns(path, *_guess_columns(text_table.table_of(path)))
    if head.lstrip()[:1] in (b"{", b"["):
        return "this is JSON without points that have velocities", "Export the points as CSV or GeoPackage"
    if head.lstrip().startswith(b"<"):
        return "this is XML: metadata, not measured values", "Give the data that it describes"
    if suffix in hdf5.SUFFIXES or suffix in {".gpkg", ".parquet", ".shp"}:
        return f"it is called {suffix}, but its content is of another format", "Export it again"
    if not suffix and re.match(rb"[\t -~]+[,;\t][\t -~]+\r?\n", head):
        return "it looks like a table, but its name has no ending", f"Call it {short(path.name)}.csv"
    return "neither its content nor its ending is that of a known format", "Export it as a table (CSV) or a GeoTIFF"


def _guess_from_content(path: Path, head: bytes) -> tuple[str, str] | None:
    for start, problem, remedy in TABLES["starts"]:
        if head.startswith(start.encode("latin-1")) and not (
            "TIFF" in problem and path.suffix.lower() in raster.SUFFIXES
        ):
            return _insert_name(path, problem, remedy, path.suffix)
    return _guess_zip(path) if head.startswith(b"PK\x03\x04") else None


def _guess_zip(path: Path) -> tuple[str, str]:
    names = [name for name in names_in_zip(path) if "__MACOSX" not in name]
    for mark, problem, remedy in TABLES["zips"]:
        if any(name.lower().endswith(mark) or name.startswith(mark) for name in names):
            return problem, remedy
    held = f"the zip holds {first_names(names)}: no product that is known" if names else "the zip holds no file"
    return held, "Unpack it, and give what it holds"


def _guess_datasets(path: Path) -> tuple[str, str]:
    if not hdf5.is_hdf5(path):
        return "this is an HDF5 or NetCDF-4 file under another ending", f"Call it {short(path.stem)}.nc or .h5"
    for group, problem, remedy in TABLES["groups"]:
        if hdf5.holds(path, group):
            return problem, remedy
    with hdf5.open_file(path) as file:
        held = list(file)
    kinds = [(names.split(), product) for names, product in TABLES["datasets"]]
    needed, product = max(kinds, key=lambda kind: len({*kind[0]} & {*held}) / len(kind[0]))
    missing = [name for name in needed if name not in held]
    if 2 * len(missing) > len(needed):
        problem = f"this HDF5 file holds {first_names(held)}: no product that is known"
        return problem, "Export it as a table or a GeoTIFF"
    lacking = f"it is nearest to {product}, but lacks {first_names(missing)}; it holds {first_names(held)}"
    return lacking, "Give the file as its program wrote it"


def _guess_columns(table: text_table.Table) -> tuple[str, str]:
    placed = mapping.is_placed(mapping.columns_by_alias(table.names))
    lacking = "no column of velocities or dates" if placed else "no columns of positions"
    shape = next((at for at, cell in enumerate(table.first) if SHAPE_AS_TEXT.match(cell)), None)
    if not placed and shape is not None:
        problem = f"its column {table.names[shape]!r:.40} holds shapes as text, {table.first[shape][:30]!r}"
        return problem, "Export columns longitude and latitude (QGIS: geometry AS_XY; Earth Engine: coordinates())"
    problem = f"this is a table with {lacking} that is known: {first_names(table.names)}"
    return problem, "Name its columns with --mapping M.toml (docs/examples/mapping.toml)"


def _guess_folder(path: Path) -> tuple[str, str]:
    names = [name for name in names_in(path) if not name.startswith((".", "__MACOSX"))]
    if not names:
        return "this folder is empty", "Give files"
    for lacking, remedy in _guess_products(path, names):
        return lacking, remedy
    alone = [path / name for name in names if not name.endswith(".hdr")]
    if len(alone) == 1 and alone[0].suffix.lower() not in raster.SUFFIXES and (alone[0].is_file() or is_zarr(alone[0])):
        fault = unknown(alone[0])
        return f"it holds {short(alone[0].name)}: {fault.problem}", fault.remedy
    return f"this folder is no product that is known; it holds {first_names(names)}", "Give its files one by one"


def looks_like_product(folder: Path) -> bool:
    """Return whether a folder that no reader takes looks like a product that lacks a part."""
    return any(_guess_products(folder, names_in(folder)))


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr store, version 2 or 3. Never raises."""
    return not ZARR.isdisjoint(names_in(folder))


def _guess_products(path: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what is missing in a folder for the products that it looks like."""
    if is_zarr(path):
        yield next(
            _insert_name(path, problem, remedy, path.suffix)
            for held, problem, remedy in TABLES["stores"]
            if {*held.split()} <= {*names}
        )
    results = path / "results" if "results" in names else path
    if {"vel", "vstd"} <= {*names_in(results)} and not any(
        (place / "EQA.dem_par").is_file() for place in (path, path / "info", path.parent / "info", path.parent)
    ):
        yield "it looks like a LiCSBAS result (vel, vstd), but EQA.dem_par is missing", "Copy EQA.dem_par into it"
    pairs = [name for name in names if DATED_PAIR.fullmatch(name)][:3]
    inside = [f"{pair}/{name}" for pair in pairs for name in names_in(path / pair)]
    listed = "\n".join([f"../{path.name}", *names, *inside])
    for there, missing, problem, remedy in TABLES["folders"]:
        found = re.search(there, listed, re.MULTILINE)
        if found and not (missing and re.search(missing, listed, re.MULTILINE)):
            yield problem.format(pair=found[0].partition("/")[0]), remedy


def _insert_name(path: Path, problem: str, remedy: str, ending: str) -> tuple[str, str]:
    """Put the file's name into the two texts, if a shell reads it as it is."""
    plain = len(path.name) <= MAX_NAME and shlex.quote(path.name) == path.name
    name = path.name if plain else f"FILE{ending}"
    known = {"name": name, "stem": name.removesuffix(ending)}
    return problem.format(**known), remedy.format(**known)
