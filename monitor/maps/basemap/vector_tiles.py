"""Write vector tiles without the database (Mapbox Vector Tile Specification 2.1, as protocol buffers)."""

import struct
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

EXTENT, BUFFER = 4096, 64  # units of a tile's side, and how far shapes go on beyond it
VERSION, EXTENT_FIELD = b"\x78\x02", b"\x28\x80\x20"
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 15  # the first two in the three lowest bits, beside how often they are repeated
NAME, FEATURE, KEY, VALUE = 1, 2, 3, 4  # fields of a layer
TAGS, TYPE, GEOMETRY = 2, b"\x18", 4  # fields of a feature
TEXT, FLOAT = 1, b"\x15"  # fields of a value
Shapes = NDArray[np.object_]


def layer(name: str, z: int, x: int, y: int, shapes: Shapes, /, **columns: Sequence[str] | Sequence[float]) -> bytes:
    """Return a layer of a tile; empty if no shape is in it.

    Args:
        name: of the layer
        z: zoom of the tile
        x: its column
        y: its row
        shapes: points, lines or polygons, EPSG:4326, not beyond the latitudes of the web map
        columns: by their names, a text or a number for each of the shapes
    """

    def projected(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        across = degrees[:, 0] / 360 + 0.5
        down = 0.5 - np.arcsinh(np.tan(np.radians(degrees[:, 1]))) / (2 * np.pi)
        return np.column_stack([across * 2**z - x, down * 2**z - y]) * float(EXTENT)

    cut = shapely.clip_by_rect(shapely.transform(shapes, projected), *[-BUFFER] * 2, *[EXTENT + BUFFER] * 2)
    parts, rows = shapely.get_parts(shapely.set_precision(cut, 1.0), return_index=True)
    dimensions = shapely.get_dimensions(parts)
    whole = ~shapely.is_empty(parts) & (dimensions == shapely.get_dimensions(shapes)[rows])  # no remains of a collapse
    parts, rows = shapely.orient_polygons(parts[whole]), rows[whole]
    values: dict[bytes, int] = {}
    features = b"".join(
        _field(
            FEATURE,
            _field(
                TAGS,
                _varints(
                    [
                        number
                        for key, column in enumerate(columns.values())
                        for number in (key, values.setdefault(_value(column[row]), len(values)))
                    ]
                ),
            )
            + TYPE
            + _varints([shapely.get_dimensions(part) + 1])
            + _field(GEOMETRY, _varints([*_commands(part)])),
        )
        for part, row in zip(parts, rows, strict=True)
    )
    if not features:
        return b""
    keys = b"".join(_field(KEY, key.encode()) for key in columns)
    held = b"".join(_field(VALUE, value) for value in values)
    return _field(3, VERSION + _field(NAME, name.encode()) + features + keys + held + EXTENT_FIELD)


def _commands(part: BaseGeometry) -> Iterator[int]:
    """Yield the commands that draw a point, a line or a polygon of whole units, section 4.3."""
    rings = shapely.get_rings(part)
    at = np.zeros(2, dtype=np.int64)
    for path in rings if len(rings) else [part]:
        corners = shapely.get_coordinates(path).astype(np.int64)[: -1 if len(rings) else None]
        steps = np.diff(corners, axis=0, prepend=at[None])
        at = corners[-1]
        first, *others = (steps << 1 ^ steps >> 63).tolist()  # zigzag: small numbers of either sign are short
        yield from (1 << 3 | MOVE_TO, *first)
        if others:
            yield len(others) << 3 | LINE_TO
            for step in others:
                yield from step
        if len(rings):
            yield CLOSE_PATH


def _value(value: str | float) -> bytes:
    return _field(TEXT, value.encode()) if isinstance(value, str) else FLOAT + struct.pack("<f", value)


def _field(number: int, content: bytes) -> bytes:
    """Return a field with its length; nothing for an empty one."""
    return _varints([number << 3 | 2, len(content)]) + content if content else b""


def _varints(numbers: Sequence[int]) -> bytes:
    """Return numbers in groups of seven bits, the lowest first; the eighth bit says that another group follows."""
    packed = bytearray()
    for number in numbers:
        while number > 0x7F:
            packed.append(number & 0x7F | 0x80)
            number >>= 7
        packed.append(number)
    return bytes(packed)
