"""Downloads of charts: CSV with a row for each date, GeoJSON and GeoParquet with a row for each line."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.contrib.gis.geos import GEOSGeometry

from monitor.wording.figures import cell_text

GEOPARQUET = "1.1.0"
Row = Mapping[str, Any]  # columns of one feature; geometry: GEOSGeometry


def as_csv(rows: Sequence[Row]) -> bytes:
    """Write rows as CSV: lists of equal length become rows, everything else is repeated; geometry as its centre."""
    file = io.StringIO()
    writer = csv.writer(file)
    names = [name for name in rows[0] if name != "geometry"]
    writer.writerow([*names, "longitude", "latitude"])
    for row in rows:
        middle = row["geometry"].centroid
        n_values = max((len(value) for value in row.values() if isinstance(value, list)), default=1)
        for i in range(n_values):
            cells = [row[name][i] if isinstance(row[name], list) else row[name] for name in names]
            safe = [cell_text(cell) if isinstance(cell, str) else cell for cell in cells]
            writer.writerow([*safe, round(middle.x, 6), round(middle.y, 6)])
    return file.getvalue().encode()


def as_geojson(rows: Sequence[Row]) -> bytes:
    """Write rows as a GeoJSON FeatureCollection."""
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(row["geometry"].json),
            "properties": {name: value for name, value in row.items() if name != "geometry"},
        }
        for row in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def as_geoparquet(rows: Sequence[Row]) -> bytes:
    """Write rows as GeoParquet 1.1: geometry as WKB, longitude before latitude (OGC:CRS84)."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["geometry"] = [bytes(row["geometry"].wkb) for row in rows]
    types = sorted({row["geometry"].geom_type for row in rows})
    geo = {
        "version": GEOPARQUET,
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": types}},
    }
    table = pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


FORMATS: dict[str, tuple[str, Callable[[Sequence[Row]], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "geojson": ("application/geo+json", as_geojson),
    "parquet": ("application/vnd.apache.parquet", as_geoparquet),
}


def series_rows(body: Mapping[str, Any], places: Sequence[GEOSGeometry]) -> list[Row]:
    """Return one row for each line of a chart (`monitor.maps.charts.rows.chart_body`)."""
    return [
        {
            "line": number,
            "data_set": trace["product"]["name"],
            "component": trace["product"]["component"],
            "track": trace["product"]["track"],
            "direction": trace["product"]["direction"],
            "point": "" if trace["is_area"] else trace["key"].partition("/")[2],
            "n_points": trace["n_points"],
            "reference": (body["reference"] or {}).get("label", ""),
            "rate_mm_yr": trace["rate_mm_yr"],
            "rate_sigma_mm_yr": trace["sigma_mm_yr"],
            "attribution": trace["product"]["attribution"],
            "simulated": trace["product"]["simulated"],
            "date": trace["dates"],
            "displacement_mm": trace["values_mm"],
            "low_mm": trace["low_mm"] or [None] * len(trace["dates"]),
            "high_mm": trace["high_mm"] or [None] * len(trace["dates"]),
            "fit_mm": trace["fit_mm"] or [None] * len(trace["dates"]),
            "geometry": place,
        }
        for number, (trace, place) in enumerate(zip(body["traces"], places, strict=True), 1)
    ]
