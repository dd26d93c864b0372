"""Lists from outside are bounded: equal values count once, too many are refused, and all code uses the one helper."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from ground_motion.core.errors import UnusableData
from ground_motion.readers.formats.registry import STATION_READERS
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations.records import MAX_SERIES
from ingest.given.__main__ import READERS as GIVEN_READERS
from lab.sources import tree
from monitor.pages.desk.callbacks import Callback
from monitor.wording.refusals import Refusal, parts_of, values_of
from tests.makers.stations import GNSS_HEAD

N = 10_000
CORNERS = [[12 + n / N, 47 + (n % 2) / N] for n in range(N)]
FILES = {
    "a.csv": "name,latitude,longitude\n" + "".join(f"a{n},47,{12 + n / N}\n" for n in range(N)),
    "a.geojson": json.dumps({"type": "Polygon", "coordinates": [[*CORNERS, CORNERS[0]]]}),
}


def test_equal_values_count_once_and_too_many_are_refused_after_bounded_work():
    read: list[int] = []

    def given(numbers: range, distinct: int) -> Iterator[int]:
        for number in numbers:
            read.append(number)
            yield number % distinct

    assert values_of("id", given(range(N), 3), 3) == [0, 1, 2]
    assert values_of("id", given(range(3), N), 3) == [0, 1, 2]
    with pytest.raises(Refusal) as refused:
        values_of("id", given(range(N), N), 3)
    assert len(refused.value.error + refused.value.remedy) <= 200
    with pytest.raises(Refusal):
        parts_of("line", ";" * N, 500, ";")


def test_lists_of_the_workbench_have_a_length():
    def arrays(schema: Any) -> Iterator[dict[str, Any]]:
        if isinstance(schema, dict):
            if schema.get("type") == "array":
                yield schema
            for value in schema.values():
                yield from arrays(value)
        if isinstance(schema, list):
            for value in schema:
                yield from arrays(value)

    found = list(arrays(Callback.model_json_schema()))
    assert found
    assert [schema for schema in found if "maxItems" not in schema] == []


HELPERS = {"values_of", "distinct_values", "ticked"}
# What is split there has a fixed number of parts, or is written by the site itself.
FIXED = {("queries.py", "bbox"), ("map_services.py", "_given(asked, 'FORMAT')")}
FIXED |= {("places.py", "value"), ("watched_areas.py", "text"), ("forms.py", "text")}
WINGS = ("maps", "notifications", "open_data", "pages", "self_service", "subscribers", "wording")


def test_code_takes_several_values_through_the_one_helper():
    """Such a call is an argument of a helper; a field of several choices is a SeveralField."""
    outside = set()
    for path in (path for wing in WINGS for path in (Path(settings.BASE_DIR) / "monitor" / wing).rglob("*.py")):
        calls = [node for node in ast.walk(tree(path.read_text())) if isinstance(node, ast.Call)]
        within = {id(inner) for call in calls if _name(call.func) in HELPERS for inner in ast.walk(call)}
        for call in calls:
            is_list = _name(call.func) in {"getlist", "MultipleChoiceField"}
            if (is_list or _splits(call)) and id(call) not in within:
                outside.add((path.name, ast.unparse(getattr(call.func, "value", call))))
    assert outside == FIXED


def _splits(call: ast.Call) -> bool:
    return _name(call.func) == "split" and [ast.unparse(argument) for argument in call.args] in (["','"], ["';'"])


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


GIVEN = {"boundary": ("a.geojson", {}), "picture": ("a.geojson", {})}
GIVEN["line"] = ("a.geojson", {})


@pytest.mark.parametrize("name", GIVEN_READERS)
def test_a_given_file_of_ten_thousand_entries_is_read_or_refused(tmp_path, name):
    file, options = GIVEN[name]
    path = tmp_path / file
    path.write_text(FILES[file])
    with pytest.raises(UnusableData) as refused:
        GIVEN_READERS[name](path, **options)
    assert len(refused.value.sentence) <= 200 + len(str(path))


def station_row(n: int) -> str:
    return f"s{n},2021-01-01,12,47,0,0,0,1,1,1,IGS14"


# By name of a reader: a file of n stations; None for a format that holds a single one.
STATIONS: dict[str, Callable[[int], str] | None] = {
    "stations": lambda n: "\n".join([GNSS_HEAD, *map(station_row, range(n))]) + "\n",
    "gauges": lambda n: "".join(
        ["gauge,date,longitude,latitude,rain_mm_day\n", *(f"g{at},2021-01-01,12,47,1\n" for at in range(n))]
    ),
    "pos": None,
    "ngl-tenv3": None,
}


@pytest.mark.parametrize("name", STATION_READERS)
def test_a_table_of_stations_has_a_length(tmp_path, name):
    make = STATIONS[name]
    if make is None:
        pytest.skip("one station in a file")
    path = tmp_path / "a.csv"
    path.write_text(make(100))
    assert len(STATION_READERS[name].read_stations(path, Declaration())) == 100
    path.write_text(make(MAX_SERIES + 1))
    with pytest.raises(UnusableData, match=f"series of {MAX_SERIES + 1} stations"):
        STATION_READERS[name].read_stations(path, Declaration())
