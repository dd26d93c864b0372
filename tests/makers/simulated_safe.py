"""Makes Sentinel-1 GRD products (SAFE), every file that the reader asks for.

The satellite flies a circle over a turning-free Earth; where a line and pixel lie at a height is worked out from that
circle alone (the place abeam, at that distance, to the right), so that nothing of the reader is used to check it.
"""

import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from pyproj import Transformer
from rasterio.control import GroundControlPoint

from tests.makers.geotiff import write_bands

FIRST_LINE = datetime(2024, 5, 1, 5, 26, 53, 799379, tzinfo=UTC)
TO_EARTH, TO_DEGREES = (
    Transformer.from_crs(a, b, always_xy=True) for a, b in (("EPSG:4979", "EPSG:4978"), ("EPSG:4978", "EPSG:4979"))
)
LINE_S = 1.4832821e-3
ORBIT_M, EARTH_M, NADIR_RAD = 7_071_000.0, 6_367_000.0, 0.0838
ORBIT_RAD_S = 7_455.0 / ORBIT_M


@dataclass(frozen=True)
class Flight:
    """How the satellite flew over a place (to some 20 km). Lines and pixels of spacing_m."""

    longitude: float = 10.5
    latitude: float = 46.0
    descending: bool = True
    lines: int = 200
    pixels: int = 240
    spacing_m: float = 10.0

    @property
    def line_s(self) -> float:
        return LINE_S * self.spacing_m / 10

    def _axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors to where the satellite is abeam of the middle, and along its way."""
        longitude, latitude = np.radians([self.longitude, self.latitude])
        up = np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
        east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
        north = np.cross(up, east)
        heading = np.radians(192.0 if self.descending else 348.0)
        ahead = np.cos(heading) * north + np.sin(heading) * east
        right = np.cross(ahead, up)
        return np.cos(NADIR_RAD) * up - np.sin(NADIR_RAD) * right, ahead

    def satellite(self, line) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity, (..., 3), metres and m/s, when a line was seen."""
        below, ahead = self._axes()
        angle = (np.asarray(line, dtype=float)[..., None] - (self.lines - 1) / 2) * self.line_s * ORBIT_RAD_S
        position = ORBIT_M * (np.cos(angle) * below + np.sin(angle) * ahead)
        return position, ORBIT_M * ORBIT_RAD_S * (np.cos(angle) * ahead - np.sin(angle) * below)

    def ranges(self) -> tuple[float, np.ndarray, np.ndarray]:
        """sr0, and the polynomials ground to slant and slant less sr0 to ground, metres."""
        ground = np.linspace(-2000, self.pixels * self.spacing_m + 2000, 400)
        angle = NADIR_RAD + (ground - (self.pixels - 1) / 2 * self.spacing_m) / EARTH_M
        slant = np.sqrt(ORBIT_M**2 + EARTH_M**2 - 2 * ORBIT_M * EARTH_M * np.cos(angle))
        to_slant = np.polynomial.Polynomial.fit(ground, slant, 6).convert().coef
        sr0 = float(to_slant[0])
        return sr0, to_slant, np.polynomial.Polynomial.fit(slant - sr0, ground, 8).convert().coef

    def place(self, line, pixel, height_m=0.0) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of what lies abeam, at the pixel's distance, at a height, to the right."""
        line, pixel, height = np.broadcast_arrays(np.asarray(line, float), np.asarray(pixel, float), height_m)
        position, velocity = self.satellite(line)
        slant = np.polynomial.polynomial.polyval(pixel * self.spacing_m, self.ranges()[1])
        way = velocity / np.linalg.norm(velocity, axis=-1, keepdims=True)
        down = -position / np.linalg.norm(position, axis=-1, keepdims=True)
        right = np.cross(-way, down)
        if np.sum(right * np.cross(way, -down)) < 0:
            right = -right
        look = np.full(line.shape, 0.58)  # from straight down, rad
        for _ in range(30):
            place = self._at(position, down, right, slant, look)
            off = TO_DEGREES.transform(*np.moveaxis(place, -1, 0))[2] - height
            more = TO_DEGREES.transform(*np.moveaxis(self._at(position, down, right, slant, look + 1e-7), -1, 0))[2]
            look = look - off / ((more - height - off) / 1e-7)
        longitude, latitude, _ = TO_DEGREES.transform(*np.moveaxis(place, -1, 0))
        return longitude, latitude

    @staticmethod
    def _at(position, down, right, slant, look) -> np.ndarray:
        return position + slant[..., None] * (np.cos(look)[..., None] * down + np.sin(look)[..., None] * right)

    def incidence_deg(self, line, pixel, height_m=0.0) -> np.ndarray:
        longitude, latitude = (np.asarray(values) for values in self.place(line, pixel, height_m))
        place = np.stack(TO_EARTH.transform(longitude, latitude, np.broadcast_to(height_m, longitude.shape)), axis=-1)
        above = np.stack(TO_EARTH.transform(longitude, latitude, np.full(longitude.shape, 1e5)), axis=-1)
        up, sight = above - place, self.satellite(line)[0] - place
        cosine = (up * sight).sum(-1) / np.linalg.norm(up, axis=-1) / np.linalg.norm(sight, axis=-1)
        return np.degrees(np.arccos(cosine))


@dataclass(frozen=True)
class Recipe:
    """A product. digital: polarisation -> (lines, pixels) uint16. change: alters the text of a file, by its name."""

    flight: Flight = field(default_factory=Flight)
    digital: dict[str, np.ndarray] | None = None
    polarisations: tuple[str, ...] = ("VV", "VH")
    platform: str = "S1A"
    mode: str = "IW"
    kind: str = "GRD"
    absolute_orbit: int = 36201
    track: int = 79
    start: datetime = FIRST_LINE
    height_m: float | Callable = 0.0
    sigma_nought: Callable = lambda line, pixel: 400 + 0.1 * line + 0.2 * pixel
    noise_range: Callable = lambda line, pixel: 900 + 0.5 * line + 0.25 * pixel
    noise_azimuth: Callable = lambda line, swath: 1 + 0.0005 * line + 0.1 * swath
    old_noise: bool = False
    denoised: bool = False
    leave_out: tuple[str, ...] = ()
    change: dict[str, Callable[[str], str]] = field(default_factory=dict)
    grid: tuple[int, int] = (5, 6)
    tiff: dict = field(default_factory=dict)

    @property
    def beam(self) -> str:
        """How names and annotations call the mode: stripmap by its beam."""
        return "S3" if self.mode == "SM" else self.mode

    @property
    def name(self) -> str:
        stop = self.start + timedelta(seconds=self.flight.lines * self.flight.line_s)
        pols = {1: "SSV", 2: "SDV"}[len(self.polarisations)]
        times = f"{self.start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}"
        kind = {"GRD": "GRDH", "SLC": "SLC_", "OCN": "OCN_", "RAW": "RAW_"}[self.kind]
        return f"{self.platform}_{self.beam}_{kind}_1{pols}_{times}_{self.absolute_orbit:06d}_043ED0_8255"

    def stem(self, polarisation: str) -> str:
        number = self.polarisations.index(polarisation) + 1
        return (
            f"{self.platform.lower()}-{self.beam.lower()}-{self.kind.lower()}-{polarisation.lower()}-20240501t052653-"
            f"20240501t052718-{self.absolute_orbit:06d}-043ed0-{number:03d}"
        )


def random_digital(lines: int, pixels: int, seed: int = 1) -> np.ndarray:
    """Speckle of some 4 looks around DN 120, never 0."""
    rng = np.random.default_rng(seed)
    return np.clip(np.sqrt(rng.gamma(4.4, 120**2 / 4.4, (lines, pixels))), 1, 65535).astype(np.uint16)


def make(folder: Path, recipe: Recipe | None = None, packed: bool = False, **changes) -> Path:
    """Write a product into a folder; returns the .SAFE, or the zip that holds it."""
    recipe = replace(recipe or Recipe(), **changes)
    root = folder / f"{recipe.name}.SAFE"
    if root.exists():
        shutil.rmtree(root)
    for polarisation in recipe.polarisations:
        for file, text in xml_files(recipe, polarisation).items():
            _write(root, recipe, file, text)
        file = f"measurement/{recipe.stem(polarisation)}.tiff"
        if not _left_out(recipe, file):
            write_measurement(root / file, recipe, polarisation)
    _write(root, recipe, "manifest.safe", manifest(recipe))
    if not packed:
        return root
    path = folder / f"{recipe.name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(folder))
    shutil.rmtree(root)
    return path


def as_on_aws(product: Path, inside: str = "") -> Path:
    """The same product as sentinel-s1-l1c has it: no .SAFE, short names. inside: put it into a folder of a zip."""
    root = product.rename(product.with_suffix(""))
    for file in sorted(root.rglob("*-*-grd-*")):
        what, mode, pol = re.search(r"^(calibration-|noise-|)s1.-(\w+)-grd-(\w\w)-", file.name).groups()
        file.rename(file.with_name(f"{what}{mode}-{pol}{file.suffix}"))
    (root / "productInfo.json").write_text(f'{{"id": "{root.name}"}}')
    return zipped(root, inside) if inside else root


def zipped(root: Path, inside: str) -> Path:
    """A folder as a zip, in other folders inside it (`.`: in none)."""
    path = root.with_name("download.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, Path(inside) / file.relative_to(root))
    shutil.rmtree(root)
    return path


def as_cog(product: Path) -> Path:
    """The same product as the Copernicus Data Space's variant of tiled files, whose names end with -cog."""
    for file in (*product.glob("annotation/*.xml"), *product.glob("measurement/*.tiff")):
        file.rename(file.with_stem(f"{file.stem}-cog"))
    return product.rename(product.with_name(product.name.replace(".SAFE", "_COG.SAFE")))


def _left_out(recipe: Recipe, file: str) -> bool:
    return any(part in file for part in recipe.leave_out)


def _write(root: Path, recipe: Recipe, file: str, text: str) -> None:
    if _left_out(recipe, file):
        return
    for part, change in recipe.change.items():
        if part in file:
            text = change(text)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)


def write_measurement(path: Path, recipe: Recipe, polarisation: str) -> None:
    flight = recipe.flight
    digital = (recipe.digital or {}).get(polarisation)
    if digital is None:
        digital = random_digital(flight.lines, flight.pixels, seed=len(recipe.stem(polarisation)))
    line, pixel, longitude, latitude, height, _ = grid_points(recipe)
    points = [
        GroundControlPoint(row, col, x, y, z)
        for row, col, x, y, z in zip(*(a.ravel() for a in (line, pixel, longitude, latitude, height)), strict=True)
    ]
    options = {"dtype": "uint16", "crs": "EPSG:4326", "transform": None, "gcps": points, "blockysize": 1} | recipe.tiff
    write_bands(path, digital, **options)


def grid_points(recipe: Recipe) -> tuple[np.ndarray, ...]:
    """line, pixel, longitude, latitude, height, incidence of the geolocation grid, each (n, m)."""
    flight, (n, m) = recipe.flight, recipe.grid
    line, pixel = np.meshgrid(
        np.round(np.linspace(0, flight.lines - 1, n)), np.round(np.linspace(0, flight.pixels - 1, m)), indexing="ij"
    )
    height = recipe.height_m(line, pixel) if callable(recipe.height_m) else np.full(line.shape, recipe.height_m)
    longitude, latitude = flight.place(line, pixel, height)
    return line, pixel, longitude, latitude, height, flight.incidence_deg(line, pixel, height)


def _time(recipe: Recipe, line: float) -> str:
    time = recipe.start + timedelta(seconds=line * recipe.flight.line_s)
    return time.replace(tzinfo=None).isoformat(timespec="microseconds")


def _list(name: str, values, form: str) -> str:
    return f'<{name} count="{len(values)}">{" ".join(format(value, form) for value in values)}</{name}>'


def _header(recipe: Recipe, polarisation: str) -> str:
    return f"""<adsHeader><missionId>{recipe.platform}</missionId><productType>{recipe.kind}</productType>
<polarisation>{polarisation}</polarisation><mode>{recipe.beam}</mode><swath>{recipe.beam}</swath>
<startTime>{_time(recipe, 0)}</startTime><stopTime>{_time(recipe, recipe.flight.lines)}</stopTime>
<absoluteOrbitNumber>{recipe.absolute_orbit}</absoluteOrbitNumber></adsHeader>"""


def xml_files(recipe: Recipe, polarisation: str) -> dict[str, str]:
    """Annotation, calibration and noise of a polarisation, by their places in the product."""
    stem, first = recipe.stem(polarisation), '<?xml version="1.0" encoding="UTF-8"?>\n'
    return {
        f"annotation/{stem}.xml": first + annotation(recipe, polarisation),
        f"annotation/calibration/calibration-{stem}.xml": first + calibration(recipe, polarisation),
        f"annotation/calibration/noise-{stem}.xml": first + noise(recipe, polarisation),
    }


def annotation(recipe: Recipe, polarisation: str) -> str:
    flight = recipe.flight
    way = "Descending" if flight.descending else "Ascending"
    points = "".join(
        f"<geolocationGridPoint><line>{line:.0f}</line><pixel>{pixel:.0f}</pixel><latitude>{latitude:.15e}</latitude>"
        f"<longitude>{longitude:.15e}</longitude><height>{height:.15e}</height>"
        f"<incidenceAngle>{incidence:.15e}</incidenceAngle></geolocationGridPoint>\n"
        for line, pixel, longitude, latitude, height, incidence in zip(
            *(values.ravel() for values in grid_points(recipe)), strict=True
        )
    )
    number = recipe.grid[0] * recipe.grid[1]
    denoised = "true" if recipe.denoised else "false"
    return f"""<product>{_header(recipe, polarisation)}<generalAnnotation><productInformation><pass>{way}</pass>
<projection>Ground Range</projection></productInformation>{_orbit(recipe)}</generalAnnotation><imageAnnotation>
<imageInformation><productFirstLineUtcTime>{_time(recipe, 0)}</productFirstLineUtcTime><sliceNumber>5</sliceNumber>
<rangePixelSpacing>{flight.spacing_m:e}</rangePixelSpacing><azimuthPixelSpacing>{flight.spacing_m:e}</azimuthPixelSpacing>
<azimuthTimeInterval>{flight.line_s:.15e}</azimuthTimeInterval><numberOfSamples>{flight.pixels}</numberOfSamples>
<numberOfLines>{flight.lines}</numberOfLines><incidenceAngleMidSwath>3.87e+01</incidenceAngleMidSwath></imageInformation>
<processingInformation><thermalNoiseCorrectionPerformed>{denoised}</thermalNoiseCorrectionPerformed></processingInformation>
</imageAnnotation>{_ranges(recipe)}<geolocationGrid><geolocationGridPointList count="{number}">
{points}</geolocationGridPointList></geolocationGrid></product>"""


def _orbit(recipe: Recipe) -> str:
    text = ""
    for second in range(-60, 61, 10):
        line = second / recipe.flight.line_s + recipe.flight.lines / 2
        position, velocity = recipe.flight.satellite(line)
        parts = _vector("position", position) + _vector("velocity", velocity)
        text += f"<orbit><time>{_time(recipe, line)}</time><frame>Earth Fixed</frame>{parts}</orbit>\n"
    return f'<orbitList count="13">{text}</orbitList>'


def _vector(name: str, vector: np.ndarray) -> str:
    parts = "".join(f"<{axis}>{value:.9e}</{axis}>" for axis, value in zip("xyz", vector, strict=True))
    return f"<{name}>{parts}</{name}>"


def _ranges(recipe: Recipe) -> str:
    sr0, _, to_ground = recipe.flight.ranges()
    text = "".join(
        f"<coordinateConversion><azimuthTime>{_time(recipe, line)}</azimuthTime><sr0>{sr0:.15e}</sr0>"
        f"{_list('srgrCoefficients', to_ground, '.15e')}</coordinateConversion>\n"
        for line in np.linspace(-700, recipe.flight.lines + 700, 5)
    )
    models = f'<coordinateConversionList count="5">{text}</coordinateConversionList>'
    return f"<coordinateConversion>{models}</coordinateConversion>"


def _nodes(count: int, step: int) -> np.ndarray:
    return np.unique(np.append(np.arange(0, count, step), count - 1))


def table_nodes(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Lines and pixels of the vectors of both tables."""
    flight = recipe.flight
    return _nodes(flight.lines, max(flight.lines // 6, 1)), _nodes(flight.pixels, 40)


def calibration(recipe: Recipe, polarisation: str) -> str:
    lines, pixels = table_nodes(recipe)
    vectors = "".join(
        f"<calibrationVector><azimuthTime>{_time(recipe, line)}</azimuthTime><line>{line}</line>"
        f"{_list('pixel', pixels, 'd')}{_list('sigmaNought', recipe.sigma_nought(line, pixels) + 0.0 * pixels, '.6e')}"
        f"{_list('betaNought', 237.0 + 0.0 * pixels, '.6e')}</calibrationVector>\n"
        for line in lines
    )
    return f"""<calibration>{_header(recipe, polarisation)}<calibrationInformation>
<absoluteCalibrationConstant>1.000000e+00</absoluteCalibrationConstant></calibrationInformation>
<calibrationVectorList count="{len(lines)}">{vectors}
</calibrationVectorList></calibration>"""


def noise(recipe: Recipe, polarisation: str) -> str:
    """Two swaths side by side, as IW has three; old_noise: as processors before 2.9 wrote it."""
    lines, pixels = table_nodes(recipe)
    kind, lut = ("noise", "noiseLut") if recipe.old_noise else ("noiseRange", "noiseRangeLut")
    vectors = "".join(
        f"<{kind}Vector><azimuthTime>{_time(recipe, line)}</azimuthTime><line>{line}</line>"
        f"{_list('pixel', pixels, 'd')}{_list(lut, recipe.noise_range(line, pixels) + 0.0 * pixels, '.6e')}"
        f"</{kind}Vector>\n"
        for line in lines
    )
    blocks = f'<noiseAzimuthVectorList count="2">{_azimuth(recipe)}</noiseAzimuthVectorList>'
    blocks = "" if recipe.old_noise else blocks
    return f"""<noise>{_header(recipe, polarisation)}<{kind}VectorList count="{len(lines)}">{vectors}</{kind}VectorList>
{blocks}</noise>"""


def swath_of(recipe: Recipe, pixel):
    """0 in the left half, 1 in the right one."""
    return (np.asarray(pixel) >= recipe.flight.pixels // 2).astype(int)


def _azimuth(recipe: Recipe) -> str:
    flight, half = recipe.flight, recipe.flight.pixels // 2
    lines, text = _nodes(flight.lines, 10), ""
    for swath, (left, right) in enumerate(((0, half - 1), (half, flight.pixels - 1))):
        values = recipe.noise_azimuth(lines, swath) + 0.0 * lines
        text += f"""<noiseAzimuthVector><swath>IW{swath + 1}</swath><firstAzimuthLine>0</firstAzimuthLine>
<firstRangeSample>{left}</firstRangeSample><lastAzimuthLine>{flight.lines - 1}</lastAzimuthLine>
<lastRangeSample>{right}</lastRangeSample>{_list("line", lines, "d")}{_list("noiseAzimuthLut", values, ".6e")}
</noiseAzimuthVector>"""
    return text


def manifest(recipe: Recipe) -> str:
    flight = recipe.flight
    lines, pixels = np.array([0, 0, 1, 1]) * (flight.lines - 1), np.array([1, 0, 0, 1]) * (flight.pixels - 1)
    places = zip(*flight.place(lines, pixels), strict=True)
    corners = " ".join(f"{latitude:.6f},{longitude:.6f}" for longitude, latitude in places)
    way = "DESCENDING" if flight.descending else "ASCENDING"
    track = f'<safe:relativeOrbitNumber type="start">{recipe.track}</safe:relativeOrbitNumber>'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU xmlns:gml="http://www.opengis.net/gml" xmlns:xfdu="urn:ccsds:schema:xfdu:1"
 xmlns:safe="http://www.esa.int/safe/sentinel-1.0" xmlns:s1="http://www.esa.int/safe/sentinel-1.0/sentinel-1"
 xmlns:s1sarl1="http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1"><metadataSection>
<safe:processing name="GRD Post Processing"><safe:facility country="Nowhere">
<safe:software name="Sentinel-1 IPF" version="003.31"/></safe:facility></safe:processing>
<safe:platform><safe:familyName>SENTINEL-1</safe:familyName><safe:number>{recipe.platform[2]}</safe:number></safe:platform>
<safe:orbitReference><safe:orbitNumber type="start">{recipe.absolute_orbit}</safe:orbitNumber>{track}<safe:extension>
<s1:orbitProperties><s1:pass>{way}</s1:pass></s1:orbitProperties></safe:extension></safe:orbitReference>
<s1sarl1:standAloneProductInformation><s1sarl1:productType>{recipe.kind}</s1sarl1:productType>
</s1sarl1:standAloneProductInformation><safe:acquisitionPeriod><safe:startTime>{_time(recipe, 0)}</safe:startTime>
<safe:stopTime>{_time(recipe, flight.lines)}</safe:stopTime></safe:acquisitionPeriod>
<safe:frameSet><safe:frame><safe:footPrint><gml:coordinates>{corners}</gml:coordinates></safe:footPrint></safe:frame>
</safe:frameSet></metadataSection></xfdu:XFDU>"""
