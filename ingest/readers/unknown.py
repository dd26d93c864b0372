"""What a file or folder is that no reader takes: what it looks like, what is missing, and the one next step.

Signatures: the formats' published descriptions. Suggested commands are those of GDAL 3 and of common archivers.
"""

import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import InputError, short
from ingest.readers import hdf5, raster
from ingest.readers.files import CONTAINER_FAULTS, MAX_MEMBERS, names_in, names_in_zip
from ingest.readers.tables import mapping, text_table

UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".download", ".filepart", ".aria2")
WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
MAX_SHOWN = 4  # names of columns, datasets or files in a sentence
HEAD_BYTES = 512

UNPACK = "Unpack it, and give what it holds"
TO_TIFF = "Convert it: gdal_translate -a_srs EPSG:4326 {name} {stem}.tif"
DRAWN = "its colours are no measured values", "Give the GeoTIFF or table that it was drawn from"
STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"7z\xbc\xaf", "this is a 7z archive", "Unpack it (7z x {name}), and give what it holds"),
    (b"Rar!", "this is a RAR archive", "Unpack it (unrar x {name}), and give what it holds"),
    (b"\x1f\x8b", "it is compressed with gzip", "Unpack it (gunzip -k {name}), and give what it holds"),
    (b"BZh", "it is compressed with bzip2", "Unpack it (bunzip2 -k {name}), and give what it holds"),
    (b"\xfd7zXZ", "it is compressed with xz", "Unpack it (unxz -k {name}), and give what it holds"),
    (b"%PDF", "this is a PDF document, not data", "Give the data that it describes"),
    (b"\x89PNG", f"this is a PNG picture: {DRAWN[0]}", DRAWN[1]),
    (b"\xff\xd8\xff", f"this is a JPEG picture: {DRAWN[0]}", DRAWN[1]),
    (b"CDF", "this is a NetCDF-3 grid, as GMT and GMTSAR write it", TO_TIFF),
    (b"EHFA_HEADER", "this is an ERDAS Imagine image (.img)", "Convert it: gdal_translate {name} {stem}.tif"),
    (b"SQLite format 3", "this is an SQLite database without a layer of points", "Export its layer as a GeoPackage"),
    (b"\xd0\xcf\x11\xe0", "this is an old Office document (.xls, .doc)", "Save its table as CSV"),
    (b"MATLAB 5.0", "this is a MATLAB file", "Export its values as a table or a GeoTIFF"),
)
OF_QGIS = "this is a QGIS project, which only points to its layers", "Export the layer from QGIS as a GeoPackage"
OF_SNAP = "this is a product of SNAP (.dim with its .data)", "Export it from SNAP as GeoTIFF"
OF_ISCE = "this is an image of ISCE or ROI_PAC, whose grid is stated beside it", TO_TIFF
ENDINGS: dict[str, tuple[str, str]] = {
    **dict.fromkeys((".qgs", ".qgz"), OF_QGIS),
    **dict.fromkeys((".dim", ".data"), OF_SNAP),
    **dict.fromkeys((".unw", ".int", ".cor", ".phs", ".amp", ".slc"), OF_ISCE),
    ".ovr": ("these are small copies (overviews) of {stem}", "Give {stem} itself"),
    ".aux.xml": ("these are statistics that GDAL wrote about {stem}", "Give {stem} itself"),
    ".vrt": ("this is a GDAL VRT, which only points to other files", "Make one file: gdal_translate {name} {stem}.tif"),
    ".kml": ("this is KML, whose points have no velocities that are known", "Export the points as CSV or GeoPackage"),
    ".grd": ("this is a grid whose kind is not known", TO_TIFF),
    ".img": ("this is a raw image, whose grid is stated in its .hdr", "Convert it: gdal_translate {name} {stem}.tif"),
    ".asc": ("this is a text grid or table without known columns", "Convert it: gdal_translate {name} {stem}.tif"),
    **dict.fromkeys(
        (".tfw", ".tifw", ".pgw", ".jgw", ".wld"), ("this places a picture (world file); it holds no values", DRAWN[1])
    ),
    **dict.fromkeys(
        (".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qmd", ".qpj"),
        ("this is one part of the shapefile {stem}.shp", "Give {stem}.shp with its parts beside it, or a zip of all"),
    ),
}
PARTS = frozenset({*ENDINGS} - {".qgs", ".qgz", ".dim", ".data", ".vrt", ".kml", ".grd", ".img", ".asc", *OF_ISCE})
# first folder or ending of a member -> what a zip is
ZIPS = {
    "word/": ("this is a Word document, not data", "Give the data that it describes"),
    "xl/": ("this is a spreadsheet whose columns are not known", "Save its sheet as CSV"),
    "ppt/": ("these are slides, not data", "Give the data that they describe"),
    ".kml": ("this is a KMZ, whose points have no velocities that are known", "Export the points as CSV or GeoPackage"),
    ".qgs": OF_QGIS,
    ".npy": ("this is a file of NumPy (.npz)", "Export its values as a table or a GeoTIFF"),
    ".zip": ("the zip holds other zips", UNPACK),
}
# what datasets tell an HDF5 or NetCDF-4 file
DATASETS = {
    "a series of LiCSBAS (cum.h5)": ("cum", "imdates"),
    "a series of MintPy": ("timeseries", "date"),
    "ITS_LIVE velocities": ("vx", "vy", "img_pair_info"),
    "an OPERA displacement": ("displacement", "reference_time"),
    "a grid of GMT": ("lon", "lat", "z"),
}
DATED_PAIR = re.compile(r"\d{8}[_-]\d{8}")


def refuse_evident(path: Path) -> None:
    """Raise InputError for what no reader need look at: nothing there, not readable, unfinished, a web page."""
    if not os.path.lexists(path):
        raise InputError(path, "there is no such file", "Check the path")
    if path.is_symlink() and not path.exists():
        raise InputError(path, f"this is a link to {short(os.readlink(path))}, which does not exist", "Give the file")
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
    head = head_of(path)
    if WEB_PAGE.match(head):
        problem = "this is a web page: the server asked for a login or reported a fault"
        raise InputError(path, problem, "Sign in there, then download the file again")
    if path.suffix.lower() == ".zip":
        _refuse_odd_zip(path, head)


def _refuse_odd_zip(path: Path, head: bytes) -> None:
    """Raise InputError for a damaged zip or one with too many members, before any reader opens it."""
    if not zipfile.is_zipfile(path):
        if not head.startswith(b"PK"):
            problem, remedy = _by_content(path, head) or ("it is called .zip, but its content is none", "Check it")
            raise InputError(path, f"this is not a zip file; {problem}", remedy)
        raise InputError(path, "this is not a whole zip file", "Download it again: it may have been cut off")
    try:
        with zipfile.ZipFile(path) as archive:
            members = len(archive.infolist())
    except (*CONTAINER_FAULTS, ValueError, NotImplementedError) as fault:
        raise InputError(path, f"its list of files cannot be read ({fault})", "Download it again") from fault
    if members > MAX_MEMBERS:
        raise InputError(path, f"the zip holds {members:,} files", "Give one product per zip")


def unknown(path: Path) -> InputError:
    """Return the refusal of what no reader recognises: what it is nearest to, what is missing, the next step."""
    try:
        problem, remedy = _near_folder(path) if path.is_dir() else _near_file(path)
    except InputError as fault:  # a damaged table or HDF5 file says itself what is wrong
        return fault
    return InputError(path, problem, remedy)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file; empty if it cannot be read. Never raises."""
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return b""


def listed(names: list[str]) -> str:
    """Return the first few names as text, with the number of the others."""
    more = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(short(name) for name in names[:MAX_SHOWN]) + more


def _near_file(path: Path) -> tuple[str, str]:
    head, suffix = head_of(path), path.suffix.lower()
    known = _by_content(path, head)
    if known:
        return known
    if head.startswith(b"ENVI") or suffix == ".hdr":
        image = next((each for end in ("", ".img", ".dat", ".bin") if (each := path.with_suffix(end)).is_file()), None)
        if image is None:
            return "this is the header of an ENVI image, and the image itself is missing", "Give the image beside it"
        return (
            f"this is the header of the ENVI image {short(image.name)}",
            f"Convert that: gdal_translate {short(image.name)} {short(path.stem)}.tif",
        )
    if head.startswith(hdf5.MAGIC):
        return _near_datasets(path)
    ending = ".aux.xml" if path.name.lower().endswith(".aux.xml") else suffix
    if ending in ENDINGS:
        return _named(path, *ENDINGS[ending], ending)
    if suffix in raster.SUFFIXES:
        return "it is called a GeoTIFF, but its content is of another format", "Make it again"
    if suffix in text_table.SUFFIXES:
        return _near_columns(text_table.table_of(path).names)
    if head.lstrip()[:1] in (b"{", b"["):
        return "this is JSON without points that have velocities", "Export the points as CSV or GeoPackage"
    if head.lstrip().startswith(b"<"):
        return "this is XML: metadata, not measured values", "Give the data that it describes"
    if suffix in hdf5.SUFFIXES or suffix in {".gpkg", ".parquet", ".shp"}:
        return f"it is called {suffix}, but its content is of another format", "Export it again"
    return "neither its content nor its ending is that of a known format", "Export it as a table (CSV) or a GeoTIFF"


def _by_content(path: Path, head: bytes) -> tuple[str, str] | None:
    for start, problem, remedy in STARTS:
        if head.startswith(start):
            return _named(path, problem, remedy, path.suffix)
    if head.startswith(b"PK\x03\x04"):
        return _near_zip(path)
    return None


def _near_zip(path: Path) -> tuple[str, str]:
    names = [name for name in names_in_zip(path) if not name.endswith("/") and "__MACOSX" not in name]
    for mark, said in ZIPS.items():
        if any(name.lower().endswith(mark) or name.startswith(mark) for name in names):
            return said
    return (f"the zip holds {listed(names)}: no product that is known" if names else "the zip holds no file"), UNPACK


def _near_datasets(path: Path) -> tuple[str, str]:
    if not hdf5.is_hdf5(path):
        return "this is an HDF5 or NetCDF-4 file under another ending", f"Call it {short(path.stem)}.nc or .h5"
    with hdf5.opened(path) as file:
        held = list(file)
    nearest = max(DATASETS, key=lambda name: len({*DATASETS[name]} & {*held}))
    missing = [name for name in DATASETS[nearest] if name not in held]
    if 2 * len(missing) > len(DATASETS[nearest]):
        return f"this HDF5 file holds {listed(held)}: no product that is known", "Export it as a table or a GeoTIFF"
    return (
        f"it is nearest to {nearest}, but lacks {listed(missing)}; it holds {listed(held)}",
        "Give the file as its program wrote it",
    )


def _near_columns(names: list[str] | tuple[str, ...]) -> tuple[str, str]:
    plain = {mapping.plain(name) for name in names}
    roles = {role for role, aliases in mapping.ALIASES.items() if plain & set(aliases)}
    placed = {"longitude", "latitude"} <= roles or {"easting", "northing"} <= roles
    lacking = "no column of velocities or dates" if placed else "no columns of positions"
    return (
        f"this is a table with {lacking} that is known: {listed(list(names))}",
        "Name its columns with --mapping M.toml (docs/examples/mapping.toml)",
    )


def _near_folder(path: Path) -> tuple[str, str]:
    names = [name for name in names_in(path) if not name.startswith((".", "__MACOSX"))]
    if not names:
        return "this folder is empty", "Give files"
    for lacking, remedy in _near_products(path, names):
        return lacking, remedy
    return f"this folder is no product that is known; it holds {listed(names)}", "Give its files one by one"


def looks_like_product(folder: Path) -> bool:
    """Return whether a folder that no reader takes looks like a product that lacks a part."""
    return any(_near_products(folder, names_in(folder)))


def _near_products(path: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what is missing in a folder for the products that it looks like."""
    results = path / "results" if "results" in names else path
    if {"vel", "vstd"} <= {*names_in(results)} and not any(
        (place / "EQA.dem_par").is_file() for place in (path, path / "info", path.parent / "info", path.parent)
    ):
        yield "it looks like a LiCSBAS result (vel, vstd), but EQA.dem_par is missing", "Copy EQA.dem_par into it"
    if {"annotation", "measurement"} & {*names} and "manifest.safe" not in names:
        yield "it looks like a Sentinel-1 SAFE folder, but manifest.safe is missing", "Unpack the whole product again"
    if path.suffix.lower() == ".data":
        yield OF_SNAP
    pairs = [name for name in names if DATED_PAIR.fullmatch(name)]
    if pairs:
        lacking = f"it looks like a LiCSAR frame ({pairs[0]}), but no pair holds its .geo.unw.tif"
        yield lacking, "Give the frame with its unwrapped phases"
    if any(re.search(r"_(?:corr|amp|lv_phi|dem)\.tif$", name) for name in names):
        yield "it looks like a HyP3 product, but its _unw_phase.tif is missing", "Give it as it was downloaded"
    ends = {name[-7:] for name in names}
    for here, other in (("_vx.tif", "_vy.tif"), ("_vy.tif", "_vx.tif")):
        if here in ends and other not in ends:
            yield f"it holds a *{here}, but no *{other}", f"Put *{other} beside it"


def _named(path: Path, problem: str, remedy: str, ending: str) -> tuple[str, str]:
    stem = path.name[: -len(ending)] if ending else path.name
    known = {"name": short(path.name), "stem": short(stem)}
    return problem.format(**known), remedy.format(**known)
