"""Tables with a row for each point and date, which are turned into a row for each point with its series.

They are recognised with or without ids: a column holds days, and each place has two rows or more on average.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ground_motion.core.errors import InputError
from ground_motion.readers.tables import mapping
from ground_motion.readers.tables.columns import BATCH_ROWS, FEW_ROWS, GEOMETRY, NUMBER, PLACE, PLACES, TEXT, Source
from ground_motion.readers.tables.dates import DATED, dates_by_name, is_certain

MAX_ROWS = 20_000_000
MAX_VALUES = 100_000_000
MAX_TRIED = 40  # A table with more columns that are not known has its series in them.


def as_series(path: Path, source: Source, stated: mapping.Mapping) -> tuple[Source, mapping.Mapping]:
    """Return a table with a row for each point, and its mapping. InputError for doubled or unknown displacements."""
    known = stated.columns or mapping.columns_by_alias(source.names)
    if not {*known.values()} <= {*source.names}:
        return source, stated  # The mapping names missing columns, and is refused later.
    velocities = [name for name in source.names if mapping.velocity_of(name) or name == known.get("velocity")]
    free = [name for name in source.names if name not in {*known.values(), *velocities} and not DATED.fullmatch(name)]
    dated = known.get("date") or _column_of_days(source, free)
    places = GEOMETRY if source.has_geometry else tuple(known[role] for role in PLACES if role in known)
    if dated is None or not places or stated.date_row or isinstance(stated.dates, list):
        return source, stated
    moved = [known["displacement"]] if "displacement" in known else list(filter(mapping.DISPLACEMENT.fullmatch, free))
    types = {name: PLACE for name in places if name not in GEOMETRY} | {dated: TEXT}
    types |= dict.fromkeys((*velocities, *moved), NUMBER) | ({known["pid"]: TEXT} if "pid" in known else {})
    table = _read(path, source, types)
    key, first = _points(table, places, known.get("pid"))
    texts, day = _texts(table, dated)
    if 2 * first.size > key.size or not any(texts):
        return source, stated
    if len(moved) != 1:
        problem = f"{np.bincount(key).max():,} rows stand at one place, one for each {dated!r:.40}, and "
        problem += f"{len(moved) or 'none'} of its columns may be their displacement"
        raise InputError(path, problem, "Name both in a mapping, or give one row for each point")
    series, days = _series(path, table, (key, first.size), (texts, day), moved[0], stated.dates)
    for name in velocities:
        values = table.column(name).to_numpy()
        if (np.abs(values - values[first][key]) > 0).any():
            raise InputError(path, f"column {name!r:.60} differs between the dates of one place", "Leave it out")
    unit, prefix = mapping.unit_in(moved[0]), "LOS" if mapping.LINE_OF_SIGHT.search(moved[0]) else "D"
    wide = {f"{prefix}{each:%Y%m%d}" + (f" [{unit}]" if unit else ""): at for at, each in enumerate(days)}

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        own = {name: kind for name, kind in types.items() if name not in wide}
        points = _read(path, source, own).take(pa.array(first)).combine_chunks()
        for name in types.keys() & wide.keys():
            points = points.append_column(name, pa.array(series[:, wide[name]]))
        yield from points.to_batches(max_chunksize=rows)

    note = f"It has a row for each date: {key.size:,} rows are {first.size:,} points with {len(days)} dates."
    names = [name for name in source.names if name not in {dated, *moved}] + list(wide)
    columns_left = {role: name for role, name in stated.columns.items() if role not in mapping.LONG_ROLES}
    turned = source._replace(names=names, batches=batches, rows=first.size, note=f"{source.note} {note}".strip())
    return turned, replace(stated, columns=columns_left, dates=None)


def _column_of_days(source: Source, names: list[str]) -> str | None:
    """Return the first column whose first values are all written days; None if there is none."""
    for name in names if len(names) <= MAX_TRIED else ():
        batches = source.batches({name: TEXT}, FEW_ROWS)
        try:
            batch = next(batches, None)
        except InputError:  # A column of numbers is no date unless a mapping says so.
            continue
        finally:
            batches.close()  # type: ignore[attr-defined]
        cells = batch[name].to_pylist() if batch else []
        texts = {(text or b"").decode("utf-8", "replace").strip() for text in cells}
        parts = [DATED.fullmatch(text) for text in texts - {""}]
        if parts and all(part and not part["prefix"] and is_certain(part["day"]) for part in parts):
            return name
    return None


def _read(path: Path, source: Source, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return whole columns of a table. Raises InputError if it has too many rows."""
    parts, rows = list[pa.RecordBatch](), 0
    for batch in source.batches(types, BATCH_ROWS):
        parts.append(batch)
        rows += batch.num_rows
        if rows > MAX_ROWS:
            problem = f"it has more than {MAX_ROWS:,} rows, one for each date"
            raise InputError(path, problem, "Give one row for each point, and a column for each date")
    if not parts:
        raise InputError(path, "the table has a header and no rows", "Export it again")
    return pa.Table.from_batches(parts)


def _texts(table: pa.Table, name: str) -> tuple[list[str], Any]:
    """Return (distinct texts of a column, in order of appearance; the index of each row's text)."""
    coded = table.column(name).fill_null(b"").combine_chunks().dictionary_encode()
    return [text.decode("utf-8", "replace").strip() for text in coded.dictionary.to_pylist()], coded.indices.to_numpy()


def _points(table: pa.Table, places: tuple[str, ...], pid: str | None) -> tuple[Any, Any]:
    """Return (number of each row's point, first row of each point); rows of one point share place and id."""
    key = np.zeros(table.num_rows, dtype=np.int64)
    codes = [np.unique(table.column(name).to_numpy(), return_inverse=True)[1] for name in places]
    ids, number = _texts(table, pid) if pid else ([], key)
    if pid and 2 * len(ids) <= table.num_rows:  # Otherwise the ids only number the rows.
        codes.append(number)
    for code in codes:
        _, key = np.unique(key * (code.max() + 1) + code, return_inverse=True)
    _, first, key = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return rank[key], first[order]


def _series(
    path: Path, table: pa.Table, points: tuple[Any, int], dated: tuple[Any, Any], moved: str, pattern: Any
) -> tuple[Any, list[Any]]:
    """Return (displacements, (points, days); the days in order). Raises InputError for two of one point and day.

    Args:
        path: the file, for errors
        table: its columns
        points: number of each row's point, and of all points
        dated: texts of days, and each row's number among them
        moved: column of displacements
        pattern: how the mapping says that days are written, or None
    """
    (key, n_points), (texts, row_text) = points, dated
    parts = {text: DATED.fullmatch(text) for text in texts}
    written = {text: part["day"] if part and not pattern else text for text, part in parts.items() if part or pattern}
    days = dates_by_name(path, list(dict.fromkeys(written.values())), pattern)
    rising = list(days.values())
    if n_points * len(rising) > MAX_VALUES:
        problem = f"it has {len(rising):,} different dates at {n_points:,} places"
        raise InputError(path, problem, "Give one row for each point, and a column for each date")
    number = {text: rising.index(days[day]) for text, day in written.items() if day in days}
    column, values = np.array([number.get(text, -1) for text in texts])[row_text], table.column(moved).to_numpy()
    used = np.flatnonzero((column >= 0) & np.isfinite(values))
    series = np.full((n_points, len(rising)), np.nan, dtype=np.float32)
    series[key[used], column[used]] = values[used]
    twice = used[series[key[used], column[used]] != values[used]]
    if twice.size:
        day, value = rising[column[twice[0]]], values[twice[0]]
        problem = f"two rows of {day} stand at one place, with {value:g} and another value"
        raise InputError(path, problem, "Add a column with an id for each point, or more digits to the positions")
    return series, rising
