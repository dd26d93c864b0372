"""A hundred million points of two thousand products, merged as they come: loading, partitions, tiles, start of a site.

Products lie side by side, each a tenth over its neighbours, and are loaded as files are, without parsing. At 10^6, 10^7
and 10^8 points, tiles at random places are asked for twice each: the first time much is read from the disk, as there is
more than the memory holds, the second time nothing. Control: a tile of points that lie in no table, in turn with the
others, so that what else the machine does is in both.
"""

import math
import os
from typing import Any, NamedTuple

import numpy as np
from django.core.management import call_command
from django.db import connection
from django.test import Client

from ingest.disk import disk_full
from ingest.models import Product
from ingest.products import partitions, pyramid
from ingest.products.parts import parts_merge
from lab.speed.drip import gunicorn
from lab.speed.measure import report, result, seconds
from lab.speed.simulated import CHUNK, TOWNS_AT, load_towns, made_batch

POINTS, PRODUCTS = 10**8, 2_000
FIRST_STAGE = 10**6
SQUEEZE = 0.25  # towns as near to each other as in a burst of EGMS
STEP_DEGREES = (0.5, 0.315)
MIDDLE = (32, 16)  # of 64 by 32 products, which come in Morton's order: whatever is there is about as wide as high
SEEDS = 4  # kinds of products; made once
MERGE_EVERY = 8  # products; the job looks once a minute
ZOOMS, TILES, WARM_UP = (10, 12, 14, 16), 100, 10
WHEN = {"first": "the first time", "again": "once more"}
LAYER = "los"
TABLES = (partitions.POINTS, partitions.SERIES)
N_PARTS = "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass"
SIZE = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree(%s)"
DRAWN = """
    SELECT ST_AsMVT(rows, 'points', 4096, 'geometry') FROM (
        SELECT n AS product, 'bench' || n AS pid, round((n % 100)::numeric / 10, 1)::float4 AS v,
               ST_AsMVTGeom(ST_Point(n % 4096, n * 7 % 4096), ST_MakeEnvelope(0, 0, 4096, 4096), 4096, 64) AS geometry
        FROM generate_series(1, 2000) AS n) AS rows"""


class Loaded(NamedTuple):
    """Seconds since the start that went into loading and into merging, until so many products were there."""

    loading: float = 0.0
    merging: float = 0.0

    @property
    def all(self) -> float:
        return self.loading + self.merging


class Times(NamedTuple):
    """Of tiles, asked for the first time and once more, and of their control, ms: lists or percentiles."""

    first: Any
    again: Any
    control: Any


class Stage(NamedTuple):
    """times: of tiles by zoom."""

    points: int
    loaded: Loaded
    times: dict[int, Times]
    n_parts: tuple[int, int]
    bytes_a_point: float
    start_seconds: float

    def p95(self, zoom: int) -> Times:
        """One figure each."""
        return Times(*(float(np.percentile(one, 95)) for one in self.times[zoom]))


def run(points: int = POINTS, products: int = PRODUCTS) -> dict[str, Any]:
    """Needs a database without products, and leaves it so."""
    if Product.objects.exists():
        raise RuntimeError("the database holds products; give an empty one")
    call_command("collectstatic", verbosity=0, interactive=False)
    each, stages, loaded, there = points // products, [], Loaded(), 0
    try:
        for size in _sizes(points):
            loaded = _load(range(there, size // each), each, loaded)
            there = size // each
            stages.append(_stage(there * each, there, each, loaded))
            for row in _rows(stages[-1], stages):
                print(f"{row['what']}: {row['value']} {row['unit']}", flush=True)  # of hours, something remains
    finally:
        _clear()
    rows = [row for stage in stages for row in _rows(stage, stages)]
    note = f"{products:,} products of {each:,} points and two dates; merged every {MERGE_EVERY} products"
    return report("points", rows) | {"note": f"{note}; control: a tile of 2,000 points that lie in no table"}


def _sizes(points: int) -> list[int]:
    """10^6, 10^7, ... and the last size of all."""
    powers = [FIRST_STAGE * 10**power for power in range(6)]
    return [*(size for size in powers if size < points), points]


def _load(numbers: range, each: int, before: Loaded) -> Loaded:
    loading, merging = before
    for number in numbers:
        if full := disk_full():
            raise RuntimeError(full)
        loading += seconds(lambda number=number: _load_one(number, each))
        if number % MERGE_EVERY == MERGE_EVERY - 1:
            merging += seconds(parts_merge)
    merging += seconds(lambda: call_command("mergepoints"))
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {pyramid.TABLE}")  # as the server does by itself, later
    return Loaded(loading, merging)


def _load_one(number: int, each: int) -> None:
    load_towns(
        points=each,
        track=number % 175 + 1,
        shift=_shift(number),
        squeeze=SQUEEZE,
        first_seed=number % SEEDS,
    )


def _shift(number: int) -> tuple[float, float]:
    bits = range(number.bit_length())
    across, down = (sum((number >> bit & 1) << bit // 2 for bit in bits if bit % 2 == odd) for odd in (0, 1))
    return (across - MIDDLE[0]) * STEP_DEGREES[0], (down - MIDDLE[1]) * STEP_DEGREES[1]


def _stage(points: int, products: int, each: int, loaded: Loaded) -> Stage:
    times = {zoom: _at_zoom(zoom, products, each) for zoom in ZOOMS}
    with connection.cursor() as cursor:
        n_parts = tuple(_one(cursor, N_PARTS, [table]) for table in TABLES)
        taken = sum(_one(cursor, SIZE, [table]) for table in (*TABLES, pyramid.TABLE))
    return Stage(points, loaded, times, n_parts, taken / points, seconds(_start_site))


def _one(cursor, sql: str, values: list[str] | None = None) -> Any:
    cursor.execute(sql, values)
    return cursor.fetchone()[0]


def _start_site() -> None:
    """The web processes, until the front page was answered twice."""
    with gunicorn(os.environ):
        pass


def _at_zoom(zoom: int, products: int, each: int) -> Times:
    """Tiles around points drawn at random, so that towns are asked for as people ask."""
    rng, client = np.random.default_rng(zoom * products), Client(SERVER_NAME="localhost")
    times = Times([], [], [])
    for turn in range(WARM_UP + TILES):
        number = int(rng.integers(products))
        x, y = _tile(number, int(rng.integers(each)), each, zoom)

        def fetch(x: int = x, y: int = y) -> None:
            _fetch(client, f"/tiles/points/{LAYER}/{zoom}/{x}/{y}.mvt")

        ours = [(times.first, fetch), (times.again, fetch)]
        control = [(times.control, _draw)]
        for into, work in [*ours, *control] if turn % 2 else [*control, *ours]:
            into.append(1000 * seconds(work))
    return Times(*(one[WARM_UP:] for one in times))


def _tile(number: int, index: int, each: int, zoom: int) -> tuple[int, int]:
    batch = made_batch(min(CHUNK, each), seed=number % SEEDS)
    places = (batch.longitude, batch.latitude)
    longitude, latitude = (
        middle + SQUEEZE * (float(place[index % place.size]) - middle) + moved
        for place, middle, moved in zip(places, TOWNS_AT, _shift(number), strict=True)
    )
    mercator = math.asinh(math.tan(math.radians(latitude)))
    return int((longitude + 180) / 360 * 2**zoom), int((1 - mercator / math.pi) / 2 * 2**zoom)


def _fetch(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200 or not answer.content:
        raise RuntimeError(f"{address} answers {answer.status_code} with {len(answer.content)} bytes")


def _draw() -> None:
    with connection.cursor() as cursor:
        cursor.execute(DRAWN)
        cursor.fetchone()


def _rows(stage: Stage, stages: list[Stage]) -> list[dict[str, Any]]:
    of, before = f"{stage.points:,} points", stages[: stages.index(stage)]
    rows = []
    for zoom in ZOOMS:
        times, p95 = stage.times[zoom], stage.p95(zoom)
        for when in ("first", "again"):
            ours, what = getattr(p95, when), f"{of}: tile at zoom {zoom}, asked for {WHEN[when]}, 95 %"
            row = result(what, "ms", getattr(times, when), times.control)
            values = {"value": ours, "control": p95.control, "ratio": ours / p95.control}
            rows.append(row | {name: round(value, 2) for name, value in values.items()})
            if before:
                few = before[0].p95(zoom)
                grown = ours / p95.control / (getattr(few, when) / few.control)
                what = f"{what}: beside that of {before[0].points:,}, each against its control"
                rows.append(_figure(what, "times", grown))
    rows += [
        _figure(f"{of}: loaded and merged", "s", stage.loaded.all),
        _figure(f"{of}: of which merging", "share", stage.loaded.merging / stage.loaded.all),
        *(
            _figure(f"{of}: growth of {what} from {last.points:,} points", "exponent", _exponent(last, stage, name))
            for last in before[-1:]
            for name, what in (("loading", "the time of loading"), ("all", "it with merging"))
        ),
        *(_figure(f"{of}: partitions of {table}", "", n) for table, n in zip(TABLES, stage.n_parts, strict=True)),
        _figure(f"{of}: disk for a point", "bytes", stage.bytes_a_point),
        _figure(f"{of}: the site has started", "s", stage.start_seconds),
    ]
    return rows


def _exponent(few: Stage, many: Stage, what: str) -> float:
    """Of the time for `loading` alone, or `all` with merging, in the number of points."""
    return math.log(getattr(many.loaded, what) / getattr(few.loaded, what)) / math.log(many.points / few.points)


def _figure(what: str, unit: str, value: float) -> dict[str, Any]:
    nothing = dict.fromkeys(("control", "ratio", "low", "high"))
    return {"what": what, "value": round(value, 3), "unit": unit, **nothing, "n": 1}


def _clear() -> None:
    """All parts at once: product by product would delete row by row."""
    with connection.cursor() as cursor:
        cursor.execute(partitions.PARTS)
        for number, *_ in cursor.fetchall():
            cursor.execute(partitions.drop(number))
        cursor.execute(f"TRUNCATE {pyramid.TABLE}")
    Product.objects.all().delete()
