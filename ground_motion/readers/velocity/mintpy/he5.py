"""MintPy's HDF-EOS5 product (`save_hdfeos5.py`), the single file that UNAVCO's archive and insarmaps accept.

Source: MintPy (Yunjun et al. 2019, doi 10.1016/j.cageo.2019.104331). Displacement is m along the line of sight,
positive toward the satellite; for the geometry see `ground_motion.readers.velocity.mintpy.stack`. A product in radar
coordinates has the latitude and longitude of each pixel, and those are used.
"""

from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers import hdf5
from ground_motion.readers.hdf5_grids import Grid
from ground_motion.readers.records import Declaration, VelocityField
from ground_motion.readers.velocity.mintpy import stack as mintpy_stack
from ground_motion.readers.velocity.mintpy.stack import Layer, Stack

NAME = "hdfeos5"
TITLE = "HDF-EOS5"
ORDER = 100
SUFFIXES = hdf5.SUFFIXES
ROOT = "HDFEOS/GRIDS/timeseries"
DISPLACEMENT, DATE = f"{ROOT}/observation/displacement", f"{ROOT}/observation/date"
LAYERS = {
    "coherence": f"{ROOT}/quality/temporalCoherence",
    "mask": f"{ROOT}/quality/mask",
    "height": f"{ROOT}/geometry/height",
    "incidence": f"{ROOT}/geometry/incidenceAngle",
    "azimuth": f"{ROOT}/geometry/azimuthAngle",
}
POSITIONS = {"latitude": f"{ROOT}/geometry/latitude", "longitude": f"{ROOT}/geometry/longitude"}
REMEDY = "Give the .he5 that MintPy's save_hdfeos5.py wrote"
MISSION_KEPT = ("mission", "beam_mode", "processing_software", "post_processing_method")


def recognises(path: Path) -> bool:
    """Return whether a file has the product's group of time series."""
    return hdf5.holds(path, ROOT)


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the header of a product; its pixels are read later, in batches. Raises InputError."""
    with hdf5.open_file(path) as file:
        hdf5.require(path, file, (DISPLACEMENT, DATE), REMEDY)
        attributes = hdf5.attributes(path, file)
        unit = hdf5.attributes(path, file, DISPLACEMENT).get("Units", attributes.get("UNIT", ""))
        units = mintpy_stack.units_of(path, declared, unit, of_series=True)
        shape, dates = hdf5.shape_of(path, file, DISPLACEMENT), hdf5.days(path, file, DATE)
        if len(shape) != 3 or shape[0] != len(dates):
            raise InputError(path, f"it holds {len(dates)} dates and displacements of the shape {shape}", REMEDY)
        wanted = LAYERS if "X_FIRST" in attributes else LAYERS | POSITIONS
        hdf5.require_shape(path, file, wanted.values(), shape[1:], REMEDY)
        layers = {field: Layer(path, name) for field, name in wanted.items() if hdf5.is_dataset(path, file, name)}
    scattered = "X_FIRST" not in attributes and POSITIONS.keys() <= layers.keys()
    rows, cols = shape[1:]
    # Only the numbers of rows and columns are valid in radar coordinates.
    nowhere = Grid(x=0.0, dx=0.0, y=0.0, dy=0.0, rows=rows, cols=cols)
    grid = nowhere if scattered else mintpy_stack.grid_of(path, attributes, rows=rows, cols=cols)
    stack = Stack(
        grid=grid,
        dates=dates,
        layers={"displacement": Layer(path, DISPLACEMENT)} | layers,
        azimuth_deg=mintpy_stack.azimuth_of(attributes),
        series_mm=units.factor,
        velocity_mm=units.factor,
    )
    kept = {name: attributes[name][:100] for name in (*mintpy_stack.KEPT, *MISSION_KEPT) if name in attributes}
    known = {"source_format": NAME, "level": "time series", "dates": dates}
    pol = attributes.get("polarization", "").replace("Unknown", "")[:2]
    extras = kept | {"velocity": mintpy_stack.SLOPE}
    return (mintpy_stack.field_of(stack, attributes, declared, polarisation=pol, extras=extras, **known),)
