"""Makes files of stations and benchmarks in every format, and series with known rate and noise."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from django.contrib.gis.geos import Point

from ground_motion.core.projections import transformer
from ground_motion.readers.stations.tenv3 import MODIFIED_JULIAN_0
from ingest.models import Station, StationFile

FIRST, YEARS = date(2018, 1, 1), 5
TENV3_HEAD = (
    "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m) _north(m) u0(m) ____up(m) _ant(m) "
    "sig_e(m) sig_n(m) sig_u(m) __corr_en __corr_eu __corr_nu _latitude(deg) _longitude(deg) __height(m)"
)
POS_COLUMNS = (
    "*YYYYMMDD HHMMSS JJJJJ.JJJJ X Y Z Sx Sy Sz Rxy Rxz Ryz NLat Elong Height dN dE dU Sn Se Su Rne Rnu Reu Soln"
)
GNSS_HEAD = "station,date,longitude,latitude,east_mm,north_mm,up_mm,east_sigma_mm,north_sigma_mm,up_sigma_mm,frame"


def flicker(n: int, rng: np.random.Generator) -> np.ndarray:
    """Flicker noise, (n,), of one unit a step."""
    steps = np.arange(1, n)
    impulse = np.concatenate([[1.0], np.cumprod((steps - 0.5) / steps)])
    size = 1 << (2 * n - 1).bit_length()
    noise = np.fft.rfft(rng.standard_normal(n), size)
    return np.fft.irfft(np.fft.rfft(impulse, size) * noise, size)[:n]


def days_of(n: int, step: int = 1, first: date = FIRST) -> list[date]:
    return [first + timedelta(step * index) for index in range(n)]


def enu_mm(rates_mm_yr: Sequence[float], n: int, step: int, seed: int = 0, noise_mm: float = 1.0) -> np.ndarray:
    """(3, n), mm: rates east, north, up with white and flicker noise."""
    rng, years = np.random.default_rng(seed), step * np.arange(n) / 365.25
    return np.array(
        [rate * years + noise_mm * (rng.standard_normal(n) + 0.5 * flicker(n, rng)) for rate in rates_mm_yr]
    )


def tenv3(
    folder: Path, enu: np.ndarray, place: tuple[float, float], name: str = "MADE.EU.tenv3", step: int = 5
) -> Path:
    """A file of one station. enu: (3, n), mm; its longitudes count to 360, as the laboratory's do."""
    lines = [TENV3_HEAD]
    for day, (east, north, up) in zip(days_of(enu.shape[1], step), enu.T / 1000, strict=True):
        julian = day.toordinal() - MODIFIED_JULIAN_0
        lines.append(
            f"{name[:4]} {day:%y%b%d}".upper() + f" {day.year:.4f} {julian} 2000 1 13.2 -3815 {east - 0.4:.6f} "
            f"4276712 {north + 0.9:.6f} 1687 {up + 0.3:.6f} 0.0000 0.00065 0.00067 0.00328 0.058 -0.564 0.044 "
            f"{place[1]:.10f} {place[0] - 360:.10f} 43.0"
        )
    path = folder / name
    path.write_text("\n".join([*lines, ""]))
    return path


def pos_table(folder: Path, enu: np.ndarray, place: tuple[float, float], name: str = "MADE.csv", step: int = 5) -> Path:
    """Write the same series as a table in mm, as EarthScope publishes it."""
    ways = ("North", "East", "Vertical")
    names = ["Date", *(f"{way} (mm)" for way in ways), *(f"{way} Std. Deviation (mm)" for way in ways), "Quality", ""]
    lines = [
        "PBO Station Position Time Series.",
        "Format Version, 1.2.0",
        "Reference Frame, NAM14",
        f"4-character ID, {name[:4]}",
        "Offset from NEU Reference position:,, North, East, Up",
        f"Reference position, {place[1]:.7f} North Latitude, {place[0]:.7f} East Longitude, 43.0 meters elevation",
        ", ".join(names),
    ]
    for day, (east, north, up) in zip(days_of(enu.shape[1], step), enu.T, strict=True):
        lines.append(f"{day},{north:.2f}, {east:.2f}, {up:.2f}, 1.2, 1.1, 4.3, repro,")
    path = folder / name
    path.write_text("\n".join([*lines, ""]))
    return path


def pos(folder: Path, enu: np.ndarray, place: tuple[float, float], name: str = "MADE.pos", step: int = 5) -> Path:
    """A file of one station in the form of the PBO."""
    lines = [
        "PBO Station Position Time Series. Reference Frame : NAM14",
        "Format Version: 1.1.0",
        f"4-character ID: {name[:4]}",
        f"Station name  : {name[:4]}_MADE",
        "XYZ Reference position :   4492316.12 1074312.5 4383012.4 (NAM14)",
        f"NEU Reference position :   {place[1]:.10f}  {place[0] % 360:.10f}   43.00000 (NAM14/WGS84)",
        "Start Field Description",
        "dN            Difference in North component from NEU reference position, meters",
        "End Field Description",
        POS_COLUMNS,
    ]
    for day, (east, north, up) in zip(days_of(enu.shape[1], step), enu.T / 1000, strict=True):
        lines.append(
            f" {day:%Y%m%d} 120000 58119.5000 4492316.1 1074312.5 4383012.4 0.003 0.005 0.006 0.7 -0.6 -0.7 "
            f"{place[1]:.8f} {place[0] % 360:.8f} 43.0 {north:.6f} {east:.6f} {up:.6f} 0.002 0.0018 0.006 "
            "0.1 0.2 0.3 final"
        )
    path = folder / name
    path.write_text("\n".join([*lines, ""]))
    return path


def gnss_table(
    folder: Path,
    stations: dict[str, tuple[np.ndarray, tuple[float, float]]],
    step: int = 5,
    frame: str = "ETRF2000",
    name: str = "stations.csv",
) -> Path:
    """A table of several stations: name -> displacements (3, n), mm, and place."""
    lines = [GNSS_HEAD]
    for code, (enu, (x, y)) in stations.items():
        for day, (east, north, up) in zip(days_of(enu.shape[1], step), enu.T, strict=True):
            lines.append(f"{code},{day},{x},{y},{east:.3f},{north:.3f},{up:.3f},1.0,1.1,3.2,{frame}")
    path = folder / name
    path.write_text("\n".join([*lines, ""]))
    return path


def levelling(folder: Path, heights_m: Sequence[float], place: tuple[float, float], years: int = 2) -> Path:
    """Campaigns of one benchmark, so many years apart."""
    days = [FIRST.replace(year=FIRST.year + years * index) for index in range(len(heights_m))]
    rows = [f"BM7,{day},{place[0]},{place[1]},{height},0.8" for day, height in zip(days, heights_m, strict=True)]
    path = folder / "levelling.csv"
    path.write_text("\n".join(["benchmark,date,longitude,latitude,height_m,sigma_mm", *rows, ""]))
    return path


def make_station(code: str = "MADE", place: tuple[float, float] = (13.19, 38.71), technique: str = "gnss") -> Station:
    """The row of a station that sinks by 5 mm/yr, every 30 days for five years."""
    enu = enu_mm((0.0, 0.0, -5.0), 61, 30, noise_mm=0.01)
    file = StationFile.objects.create(source_format="stations", file_name="made.csv", file_sha256=code)
    packed = np.concatenate([enu, np.ones_like(enu)]).astype("<f4").tobytes()
    days = days_of(61, 30)
    return Station.objects.create(
        file=file, code=code, technique=technique, position=Point(*place, srid=4326), dates=days, packed=packed
    )


def ground_around(places: Sequence[tuple[float, float]], rate, n: int = 14, step: int = 12):
    """Change a table of EGMS to n points around each place, with series of five years. rate: of a place, mm/yr."""

    def change(table: dict[str, list]) -> None:
        rng, days = np.random.default_rng(4), days_of(365 * YEARS // step, step)
        years = step * np.arange(len(days)) / 365.25
        x, y = np.array([place for place in places for _ in range(n)]).T + rng.normal(0, 0.0004, (2, n * len(places)))
        rates = np.array([rate(*place) for place in places for _ in range(n)])
        constant = {name: values[0] for name, values in table.items() if not name.isdigit()}
        table.clear()
        table.update({name: [value] * len(x) for name, value in constant.items()})
        easting, northing = transformer(4326, 3035).transform(x, y)
        table["pid"] = [f"pt{index:08d}" for index in range(len(x))]
        table |= {"longitude": list(x.round(7)), "latitude": list(y.round(7))}
        table |= {"easting": list(easting.round(2)), "northing": list(northing.round(2))}
        table["mean_velocity"] = list(rates.round(3))
        common = 0.5 * rng.standard_normal((1, len(days)))
        series = rates[:, None] * years + common + rng.standard_normal((len(x), len(days)))
        table |= {f"{day:%Y%m%d}": list(column.round(2)) for day, column in zip(days, series.T, strict=True)}

    return change
