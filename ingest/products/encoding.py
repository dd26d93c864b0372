"""Packing of displacement series, and rows in PostgreSQL's binary COPY format.

A series is little-endian int16 in steps of 0.1 mm if its values fit, else float32 in mm; the length in bytes shows
which. No value is clipped. Binary COPY: PostgreSQL documentation, COPY, "Binary Format".
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float32, Float64

STEP_MM = 0.1
DAYS_A_YEAR = 365.25
MISSING_INT16 = np.int16(-32768)
_LARGEST_MM = np.float32(STEP_MM * 32767)

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_EWKB_POINT_WITH_SRID = 0x20000001


def fits_int16(displacement_mm: Float32) -> NDArray[np.bool_]:
    """Return for each row, (n,), whether all its values fit 16 bits. displacement_mm: (n, dates), mm, NaN missing."""
    # fmin and fmax ignore NaN without a copy of the input
    least, most = (f.reduce(displacement_mm, axis=1, initial=0) for f in (np.fmin, np.fmax))
    return np.asarray((least >= -_LARGEST_MM) & (most <= _LARGEST_MM))


def pack_int16(displacement_mm: Float32) -> NDArray[np.int16]:
    """Round to int16 steps of 0.1 mm (error at most 0.05 mm); ValueError if too large. displacement_mm: (n, dates)."""
    if not fits_int16(displacement_mm).all():
        raise ValueError(f"a displacement exceeds {_LARGEST_MM:.0f} mm and does not fit 16 bits")
    steps = displacement_mm * np.float32(1 / STEP_MM)
    np.rint(steps, out=steps)
    if np.isnan(steps.min(initial=0)):
        steps[np.isnan(steps)] = MISSING_INT16
    return steps.astype("<i2")


def unpack_series(packed: Sequence[bytes], n_dates: int) -> Float32:
    """Decode packed series. Returns (len(packed), n_dates), mm, NaN where missing. ValueError for a wrong length."""
    if packed and all(len(blob) == 2 * n_dates for blob in packed):  # This usual case is many times faster.
        return _from_steps(np.frombuffer(b"".join(packed), dtype="<i2").reshape(len(packed), n_dates))
    series = np.empty((len(packed), n_dates), dtype=np.float32)
    for row, blob in enumerate(packed):
        if len(blob) == 2 * n_dates:
            series[row] = _from_steps(np.frombuffer(blob, dtype="<i2"))
        elif len(blob) == 4 * n_dates:
            series[row] = np.frombuffer(blob, dtype="<f4")
        else:
            raise ValueError(f"a series of {len(blob)} bytes does not hold {n_dates} dates")
    return series


class Dated(Protocol):
    """Product whose series are unpacked: its dates, and its datum, mm/yr."""

    dates: list[date]
    datum_mm_yr: float


def unpack_against_datum(packed: Sequence[bytes], product: Dated) -> Float32:
    """Decode a product's series minus the motion of its datum since the first date; (len(packed), dates), mm."""
    series = unpack_series(packed, len(product.dates))
    if product.datum_mm_yr:
        series -= datum_mm(product, product.dates)
    return series


def datum_mm(product: Dated, days: Sequence[date]) -> Float32:
    """Return how far still ground moves in a product's file from its first date to these days, (days,), mm."""
    years = np.array([(day - product.dates[0]).days for day in days]) / DAYS_A_YEAR
    return np.asarray(product.datum_mm_yr * years, dtype=np.float32)


def _from_steps(steps: NDArray[np.int16]) -> Float32:
    return np.where(steps == MISSING_INT16, np.float32(np.nan), steps * np.float32(STEP_MM))


def point_ewkb(x: Float64, y: Float64, srid: int) -> NDArray[np.void]:
    """Encode points as EWKB. x, y: (n,). Returns (n,) records of 25 bytes."""
    records = np.empty(x.size, dtype=[("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8")])
    records["order"], records["type"], records["srid"] = 1, _EWKB_POINT_WITH_SRID, srid
    records["x"], records["y"] = x, y
    return records


def copy_rows(columns: Sequence[NDArray[np.generic]]) -> list[memoryview]:
    """Encode equally long columns as rows of binary COPY, without header and trailer.

    Floats become float4 or float8 and NaN becomes NULL; integers become int4; bytes, records and 2-D arrays are
    copied unchanged (text, geometry, bytea). Rows are grouped by their NULL values and lengths of text, because numpy
    writes records of one size: the order of rows is not kept. Returns blocks to be written one by one.
    """
    keys = [key for key in map(_null_key, columns) if key is not None and (key != key[0]).any()]
    if not keys:
        return [_one_group(columns)]
    groups, member = np.unique(np.column_stack(keys), axis=0, return_inverse=True)
    member = member.ravel()
    return [_one_group([column[member == group] for column in columns]) for group in range(len(groups))]


def _null_key(column: NDArray[np.generic]) -> NDArray[np.int32] | None:
    if column.dtype.kind == "f" and column.ndim == 1:
        missing = np.isnan(column)
        return missing.astype(np.int32) if missing.any() else None
    if column.dtype.kind == "S":
        return np.char.str_len(column.astype(np.bytes_)).astype(np.int32)
    return None


def _one_group(columns: Sequence[NDArray[np.generic]]) -> memoryview:
    payloads = {f"c{index}": _payload(column) for index, column in enumerate(columns)}
    layout: list[tuple[str, str]] = [("count", ">i2")]
    for name, payload in payloads.items():
        layout.append((f"{name}_bytes", ">i4"))
        if payload is not None:
            layout.append((name, payload.dtype.str))
    rows = np.empty(len(columns[0]), dtype=layout)
    rows["count"] = len(columns)
    for name, payload in payloads.items():
        rows[f"{name}_bytes"] = -1 if payload is None else payload.dtype.itemsize  # -1 is NULL
        if payload is not None:
            rows[name] = payload
    return rows.view(np.uint8).data


def _payload(column: NDArray[np.generic]) -> NDArray[np.generic] | None:
    """Return the bytes of each value of a column, all of one size, or None if the whole column is NULL."""
    if column.dtype.kind == "S":
        longest = int(np.char.str_len(column[:1].astype(np.bytes_))[0]) if column.size else 1
        return column.astype(f"S{longest}").view(f"V{longest}")
    if column.ndim == 2:  # One packed array per row.
        flat = np.ascontiguousarray(column)
        return flat.view(f"V{flat.dtype.itemsize * flat.shape[1]}").ravel()
    if column.dtype.names is not None:
        return column.view(f"V{column.dtype.itemsize}")
    if column.dtype.kind == "f":
        if column.size and np.isnan(column[0]):
            return None
        return column.astype(f">f{column.dtype.itemsize}")
    return column.astype(">i4")
