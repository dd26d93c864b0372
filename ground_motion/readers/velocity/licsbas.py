"""LiCSBAS: a time series `cum.h5`, a folder of maps `vel.geo.tif`, or the folder of results that its programs leave.

Source: LiCSBAS (Morishita et al. 2020, doi 10.3390/rs12030424). `cum` (dates, rows, cols), mm, `vel` and `vstd`, mm/yr,
are LOS, positive toward the satellite; `mask` is 1 where a pixel is good. Results are files without a header,
little-endian float32, on the grid of `info/EQA.dem_par`; the corner of that grid and of `cum.h5` is the centre of the
first pixel. The frame's name (014A_04939_131313), in a file's name or the folder's, gives track and direction.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rasterio.windows import Window

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import names_in
from ground_motion.readers import hdf5, raster, records
from ground_motion.readers.gate import agree
from ground_motion.readers.hdf5_grids import Grid

NAME = "licsbas"
TITLE = "LiCSBAS"
ORDER = 80
SUFFIXES = hdf5.SUFFIXES
VARIANTS = (".filt.mskd", ".mskd", ".filt", "")  # The best comes first; filtering also chooses a better reference.
LAYER = r"(?P<layer>vel|vstd|mask|hgt|resid_rms|{})(?P<variant>(?:\.filt)?(?:\.mskd)?)"
MAP = re.compile(r"(?:(?P<frame>.*)[._])?" + LAYER.format("E|N|U") + r"\.geo\.tiff?")
RESULT = re.compile(r"(?P<frame>)" + LAYER.format(r"[ENU](?=\.geo)") + r"(?:\.geo)?")
FRAME = re.compile(r"(?<!\d)(?P<track>\d{3})(?P<way>[AD])_\d{5}_\d{6}(?!\d)")
SERIES = ("cum_filt.h5", "cum.h5")
PLACE = ("corner_lat", "corner_lon", "post_lat", "post_lon")
REQUIRED = ("imdates", "cum", "vel", *PLACE)
REMEDY = "Run LiCSBAS again"
GOOD = 1.0
VECTOR = ("E", "N", "U")
VECTOR_TOLERANCE = 0.05  # The length of a unit vector averaged over a few pixels differs less from 1.
MAX_TEXT = 200_000  # Largest size in bytes of a parameter file or a list of dates.


class Layer(NamedTuple):
    """A layer's file; dataset: its name in an HDF5 file, else empty."""

    path: Path
    dataset: str = ""


@dataclass(frozen=True, kw_only=True)
class Product:
    """Layers of a product on one grid; dates: of its series, else of its period; frame: text that may hold its name."""

    grid: Grid
    layers: dict[str, Layer]
    dates: tuple[date, ...] = ()
    frame: str = ""
    extras: dict[str, str]

    @property
    def series(self) -> Layer | None:
        """The displacements, (dates, rows, cols); None without a series."""
        return self.layers.get("cum")

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that hold a layer."""
        return tuple(dict.fromkeys(layer.path for layer in self.layers.values()))


def recognises(path: Path) -> bool:
    """Return whether a file has datasets of a LiCSBAS series, or a folder its maps or results. Never raises."""
    if path.is_dir():
        maps = [named["layer"] for named, file in _name_files(path, MAP) if raster.is_geotiff(file)]
        return ("vel" in maps and len(maps) > 1) or _results(path) is not None
    return len({"cum", "imdates", "corner_lat", "post_lat"} & hdf5.names(path)) >= 2


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the headers of all layers; good pixels are read later, in batches. Raises InputError."""
    results = _results(path) if path.is_dir() else None
    product = _read_results(path, results) if results else _read_maps(path) if path.is_dir() else _read_series(path)
    first = next(_batches(product), None)
    if first is None:
        raise InputError(path, "no pixel has a velocity and is good by the mask", "Relax the mask of LiCSBAS")
    names = (product.frame, *reversed(path.resolve().parts[-3:]))
    frame = next((match for name in names if (match := FRAME.search(name))), None)
    ways = {"the frame": records.Direction.from_letter(frame["way"])} if frame else {}
    header = records.FieldHeader(
        source_format=NAME,
        level="time series" if product.series else "velocity",
        component=records.Component.LOS,
        dates=product.dates or declared.period or (),
        has_series=product.series is not None,
        track=agree(path, "track", {"--track": declared.track, "the frame": int(frame["track"]) if frame else None}),
        direction=ways.get("the frame", records.Direction.from_los_east(first.los_east)),
        posting_m=product.grid.posting_m,
        grid_epsg=product.grid.metric_epsg,
        attribution="LiCSBAS results; their source is not stated in the files",
        extras=product.extras | ({"frame": frame[0]} if frame else {}),
    )
    files, pixels = product.files if path.is_dir() else (), product.grid.rows * product.grid.cols
    stated = records.Stated(crs=product.grid.epsg, direction=ways)
    batches = partial(_batches, product)
    return (records.VelocityField(header=header, batches=batches, files=files, expected_points=pixels, stated=stated),)


Named = list[tuple[re.Match[str], Path]]


def _name_files(folder: Path, pattern: re.Pattern[str]) -> Named:
    return [(match, folder / name) for name in names_in(folder) if (match := pattern.fullmatch(name))]


def _best(path: Path, named: Named) -> tuple[dict[str, Layer], dict[str, str]]:
    """Return the best variant of each layer, and in words which velocity it is. Raises InputError where unclear."""
    ranked = sorted(named, key=lambda candidate: VARIANTS.index(candidate[0]["variant"]), reverse=True)
    layers = {match["layer"]: Layer(file) for match, file in ranked}  # The best one comes last.
    velocities = {file.name: match["frame"] for match, file in ranked if match["layer"] == "vel"}
    if len({*velocities.values()}) > 1:
        raise InputError(path, f"it holds the maps {' and '.join(velocities)}", "Give one frame per folder")
    missing = [part for part in VECTOR if part not in layers]
    if 0 < len(missing) < len(VECTOR):
        raise InputError(path, f"layer {missing[0]}.geo of the unit vector is missing", "Give E, N and U")
    *others, chosen = velocities
    return layers, {"velocity": chosen} | ({"velocities left aside": ", ".join(others)} if others else {})


def _read_maps(path: Path) -> Product:
    layers, extras = _best(path, [(match, file) for match, file in _name_files(path, MAP) if raster.is_geotiff(file)])
    grid = None
    for name in ("vel", *layers):
        with raster.open_geotiff(file := layers[name].path) as image:
            this = Grid.from_image(file, image)
            grid = grid or this
            if image.count != 1 or not this.fits(grid):
                problem = "it does not lie on the grid of the velocities"
                raise InputError(file, problem, "Give the layers of one frame")
    extras["layers"] = ", ".join(layers)
    return Product(grid=this, layers=layers, frame=layers["vel"].path.name, extras=extras)


def _results(path: Path) -> Path | None:
    """Return the folder `TS_…` that a path is, holds, or is the `results` of; None if there is none or several."""
    inside = [path / name for name in names_in(path) if name.startswith("TS_")]
    near = [path.absolute().parent] if path.name == "results" else [path, *inside]
    known = []
    for folder in near:
        held = {*names_in(folder), *(match["layer"] for match, _ in _name_files(folder / "results", RESULT))}
        known += [folder] if "info" in held and held & {"vel", *SERIES} else []
    return known[0] if len(known) == 1 else None


def _read_results(path: Path, folder: Path) -> Product:
    """Return the results of a folder `TS_…`, with the series if it is there. Raises InputError."""
    # LiCSBAS leaves the unit vectors beside the interferograms, in the folder that gave the results their name.
    pairs = folder.parent / folder.name.removeprefix("TS_")
    named = [(match, file) for match, file in _name_files(pairs, RESULT) if match["layer"] in VECTOR]
    named = [(match, file) for match, file in named + _name_files(folder / "results", RESULT) if file.is_file()]
    series = next((folder / name for name in SERIES if name in names_in(folder)), None)
    if series is not None:
        product = _read_series(series)
        rest = {match["layer"]: Layer(file) for match, file in named if not match["variant"]}
        product = replace(product, layers=rest | product.layers, extras=product.extras | {"velocity": series.name})
    else:
        layers, extras = _best(path, named)
        grid, dates = _grid_of(folder / "info" / "EQA.dem_par"), _period(folder / "info" / "13used_image.txt")
        product = Product(grid=grid, layers=layers, dates=dates, extras=extras)
    expected = product.grid.rows * product.grid.cols * 4
    for layer in product.layers.values():
        if not layer.dataset and (size := layer.path.stat().st_size) != expected:
            problem = f"it has {size:,} bytes where {product.grid.rows} x {product.grid.cols} pixels need {expected:,}"
            raise InputError(layer.path, problem, "Give the results as LiCSBAS wrote them")
    return product


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(MAX_TEXT)
    except OSError as fault:
        raise InputError(path, f"it cannot be read ({fault.strerror})", "Give the folder TS_… whole") from fault


def _grid_of(path: Path) -> Grid:
    """Return the grid of GAMMA's parameters of a map. Raises InputError."""
    stated = dict(re.findall(r"^(\w+):\s*(\S+)", _text(path), re.MULTILINE))
    with refusing(path, "it does not state the grid of the results ({})", REMEDY, KeyError, ValueError):
        place = {name: float(stated[name]) for name in PLACE}
        rows, cols = int(stated["nlines"]), int(stated["width"])
    if (kind := stated.get("DEM_projection", "EQA")) != "EQA":
        raise InputError(path, f"its DEM_projection is {kind}, not EQA (degrees)", REMEDY)
    return _grid(path, place, rows, cols)


def _grid(path: Path, place: dict[str, float], rows: int, cols: int) -> Grid:
    y, x, dy, dx = (place[name] for name in PLACE)
    return Grid(x=x, dx=dx, y=y, dy=dy, rows=rows, cols=cols).checked(path)


def _period(path: Path) -> tuple[date, ...]:
    """Return the first and last of the used images' dates, one a line; empty if they are not listed."""
    if path.name not in names_in(path.parent):
        return ()
    with refusing(path, "it holds an invalid date ({})", REMEDY, ValueError):
        days = sorted(hdf5.day_of(line) for line in _text(path).split())
    return (days[0], days[-1]) if len({*days}) > 1 else ()


def _read_series(path: Path) -> Product:
    with hdf5.open_file(path) as file:
        hdf5.require(path, file, REQUIRED, "Give the cum.h5 or cum_filt.h5 that LiCSBAS wrote")
        shape, vel, imdates = (hdf5.shape_of(path, file, name) for name in ("cum", "vel", "imdates"))
        if len(shape) != 3 or vel != shape[1:] or imdates != shape[:1]:
            raise InputError(path, f"cum {shape}, vel {vel} and imdates {imdates} do not fit", REMEDY)
        dates = hdf5.days(path, file, "imdates")
        grid = _grid(path, {name: hdf5.scalar(path, file, name) for name in PLACE}, *vel)
        named = [(match["layer"], name) for name in file if (match := RESULT.fullmatch(name)) and not match["variant"]]
        layers = {layer: Layer(path, name) for layer, name in named if hdf5.shape_of(path, file, name) == vel}
        refarea = hdf5.words(path, file, "refarea")
    extras = {"refarea": refarea} if refarea else {}
    return Product(grid=grid, layers=layers | {"cum": Layer(path, "cum")}, dates=dates, extras=extras)


def _batches(product: Product) -> Iterator[records.PointBatch]:
    grid = product.grid
    with ExitStack() as stack:
        opened: dict[Path, Any] = {}
        for layer in product.layers.values():
            if layer.path not in opened and (layer.dataset or raster.is_geotiff(layer.path)):
                open_layer = hdf5.open_file if layer.dataset else raster.open_geotiff
                opened[layer.path] = stack.enter_context(open_layer(layer.path))
        for rows in hdf5.row_blocks(grid.rows, grid.cols, len(product.dates) if product.series else 1):
            batch = _block(product, opened, rows)
            if batch.pid.size:
                yield batch


def _rows(layer: Layer, opened: dict[Path, Any], grid: Grid, rows: slice) -> records.Float32:
    """Return rows of a layer: (rows, cols), or (dates, rows, cols) of displacements; NaN where missing."""
    if layer.dataset:
        where = (slice(None), rows) if layer.dataset == "cum" else rows
        return hdf5.numbers(layer.path, opened[layer.path], layer.dataset, where)
    if layer.path in opened:
        window = Window(0, rows.start, grid.cols, rows.stop - rows.start)
        return raster.values_of(layer.path, opened[layer.path], window).astype(np.float32)
    count = (rows.stop - rows.start) * grid.cols
    values = np.fromfile(layer.path, "<f4", count, offset=rows.start * grid.cols * 4).reshape(-1, grid.cols)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _block(product: Product, opened: dict[Path, Any], rows: slice) -> records.PointBatch:
    grid = product.grid
    values = {name: _rows(layer, opened, grid, rows) for name, layer in product.layers.items()}
    # file: mm and mm/yr, positive toward the satellite; ours: the same
    good = np.isfinite(values["vel"])
    if "mask" in values:
        good &= values["mask"] == GOOD
    if "cum" in values:
        good &= np.isfinite(values["cum"]).any(axis=0)
    row, col = np.nonzero(good)
    known = {name: layer[..., row, col] for name, layer in values.items()}
    unknown = np.full(row.size, np.nan, dtype=np.float32)
    displacement = known.get("cum", np.empty((0, row.size), np.float32))
    vector = product.layers.get("E", product.layers["vel"]).path, [known.get(part, unknown) for part in VECTOR]
    east, north, up = unit_vectors(*vector)
    return raster.batch(
        row + rows.start,
        col,
        *grid.positions(row + rows.start, col),
        known["vel"],
        records.Component.LOS,
        height_m=known.get("hgt", unknown),
        velocity_std_mm_yr=known.get("vstd", unknown),
        rmse_mm=known.get("resid_rms", unknown),
        los_east=east,
        los_north=north,
        los_up=up,
        displacement_mm=np.ascontiguousarray(displacement.T),  # (pixels, dates)
    )


def unit_vectors(path: Path, los: list[records.Float32]) -> list[records.Float32]:
    """Return layers east, north, up, NaN where all are 0 (missing). Raises InputError if the length is not 1."""
    length = np.sqrt(sum(part.astype(np.float64) ** 2 for part in los))
    wrong = np.isfinite(length) & (length > 0) & (np.abs(length - 1) > VECTOR_TOLERANCE)
    if wrong.any():
        problem = f"E.geo, N.geo and U.geo make a vector of the length {length[wrong][0]:.3g}, not 1"
        raise InputError(path, problem, REMEDY)
    return [np.where(length == 0, np.float32(np.nan), part) for part in los]
