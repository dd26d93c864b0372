"""Lists from outside: 10,000 entries in any parameter are collapsed or refused after bounded work.

Parameters are found by what views look up in queries, forms, files and posted JSON, for every address of the resolver.
Work is counted as function calls and as letters of SQL, so that no load of the machine matters.
"""

import ast
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from cProfile import Profile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection, transaction
from django.http import HttpRequest, QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.datastructures import MultiValueDict
from ninja.openapi import get_schema

from ground_motion.core.errors import UnusableData
from ground_motion.readers.formats.registry import STATION_READERS
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations.records import MAX_SERIES
from ingest.given.__main__ import READERS as GIVEN_READERS
from monitor.open_data.api.views import api
from monitor.open_data.standards.catalogues import CATALOGUES
from monitor.open_data.standards.search import PARAMETERS
from monitor.pages.desk.callbacks import Callback
from tests.makers.stations import GNSS_HEAD
from tests.service.monitor.test_security_matrix import People, addresses, own_role, people

__all__ = ["people"]  # a fixture
pytestmark = pytest.mark.django_db
N = 10_000
FORM = "application/x-www-form-urlencoded"
MAX_REPEATED = 900  # Django refuses forms and queries of more than 1,000 fields.
MAX_CALLS = 3_000_000  # A page takes up to 500,000, and quotes 200,000 letters several times in its links.
MAX_SQL = 500_000
# These views go through all parameters instead of looking up names, so that their names are written here.
NAMES_OF: dict[str, tuple[str, ...]] = {
    "bulletin-edit": ("text-1",),
    "own-password": (),  # its form names them
    "wms": (
        "SERVICE",
        "REQUEST",
        "VERSION",
        "LAYERS",
        "LAYER",
        "STYLES",
        "CRS",
        "BBOX",
        "WIDTH",
        "FORMAT",
        "BGCOLOR",
        "TIME",
    ),
    "wmts": ("SERVICE", "REQUEST", "LAYER", "FORMAT", "TILEMATRIXSET", "TILEMATRIX", "TILECOL", "TILEROW", "TIME"),
}
CORNERS = [[12 + n / N, 47 + (n % 2) / N] for n in range(N)]
POLYGON = {"type": "Polygon", "coordinates": [[*CORNERS, CORNERS[0]]]}
IS_SIMULATED = {"op": "=", "args": [{"property": "simulated"}, True]}
FILTERS = [
    {"op": "or", "args": [IS_SIMULATED] * N},
    {"op": "in", "args": [{"property": "id"}, [str(n) for n in range(N)]]},
    {"op": "like", "args": [{"property": "id"}, "%a" * N]},
    {"op": "s_intersects", "args": [{"property": "geometry"}, POLYGON]},
]
NUMBERS, POSITIONS = ",".join(map(str, range(N))), ";".join(f"{x},{y}" for x, y in CORNERS)
OUTLINE, NUMBERS_BEGIN = json.dumps(POLYGON), "0,1,2,3"
TEXTS = {"GET": [NUMBERS, POSITIONS], "POST": [NUMBERS]}
SEARCHED = [",".join(["id"] * N), OUTLINE, *map(json.dumps, FILTERS)]  # in a search of a standard
VALUES: list[Any] = [[*range(N)], [str(n) for n in range(N)], ["id"] * N, {"include": [f"a{n}" for n in range(N)]}]
VALUES += [[{"field": "id", "direction": "asc"}] * N, {"op": "or", "args": [IS_SIMULATED] * N}, *FILTERS, POLYGON]
FILES = {
    "a.csv": "name,latitude,longitude\n" + "".join(f"a{n},47,{12 + n / N}\n" for n in range(N)),
    "a.geojson": json.dumps(POLYGON),
}


@contextmanager
def bounded_work() -> Iterator[None]:
    """Raise AssertionError if the block calls more functions than MAX_CALLS, or sends too much SQL.

    The profiler is the one in C: a function in Python that counts calls takes longer than the calls.
    """
    calls = Profile(subcalls=False)  # It counts the same calls, without a table of who calls whom.
    connection.queries_log.clear()
    with CaptureQueriesContext(connection) as queries, calls:
        yield
    assert sum(entry.callcount for entry in calls.getstats()) <= MAX_CALLS
    assert sum(len(query["sql"]) for query in queries) <= MAX_SQL


class Looked:
    """Names that views look up: parameters, those with several values, files.

    json: whether a view reads a body; iterated: whether it goes through all parameters; parsed: whether it read
    NUMBERS as JSON.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.several: set[str] = set()
        self.files: set[str] = set()
        self.json = self.iterated = self.parsed = False


@pytest.fixture
def looked(monkeypatch) -> Looked:
    """Watch what is looked up in queries, forms and files."""
    seen = Looked()

    def watch(owner: type, name: str, note: Callable[..., None]) -> None:
        method = getattr(owner, name)

        def watched(self: Any, *args: Any, **options: Any) -> Any:
            note(self, *args)
            return method(self, *args, **options)

        monkeypatch.setattr(owner, name, watched)

    class Files(MultiValueDict):
        """Files of a form; Django also keeps other things in the class above it."""

    def note(self: Any, name: Any = None, *args: Any) -> None:
        if isinstance(self, QueryDict | Files):
            (seen.files if isinstance(self, Files) else seen.names).add(str(name))

    def is_iterated(self: Any, *args: Any) -> None:
        seen.iterated = seen.iterated or isinstance(self, QueryDict)

    class Draft(dict):
        """Plain copy of a form, as some views make it."""

        def get(self, name: str, *default: Any) -> Any:
            seen.names.add(name)
            return super().get(name, *default)

    for method in ("__getitem__", "get", "getlist", "pop", "__contains__"):
        watch(MultiValueDict, method, note)
    watch(QueryDict, "getlist", lambda self, name, *args: seen.several.add(name))
    watch(MultiValueDict, "items", is_iterated)
    of_dict, of_body, of_files = QueryDict.dict, HttpRequest.body.fget, WSGIRequest.FILES.fget
    monkeypatch.setattr(WSGIRequest, "FILES", property(lambda self: Files(of_files(self))))
    monkeypatch.setattr(QueryDict, "dict", lambda self: Draft(of_dict(self)))

    def body(self: HttpRequest) -> bytes:
        seen.json = seen.json or self.content_type == "application/json"
        return of_body(self)

    of_loads = json.loads

    def loads(text: str | bytes, **options: Any) -> Any:
        seen.parsed = seen.parsed or (isinstance(text, str) and text.startswith(NUMBERS_BEGIN))
        return of_loads(text, **options)

    monkeypatch.setattr(HttpRequest, "body", property(body))
    monkeypatch.setattr(json, "loads", loads)
    return seen


class Site:
    """Every address of the site with somebody who may use it."""

    def __init__(self, people: People) -> None:
        self.people = people

    def send(self, name: str, wanted: frozenset[str], method: str, data: Any, kind: str = "") -> Any:
        """Send a request, whose changes are taken back; return the answer with its content."""
        role = own_role(self.people, name)
        client, path = Client(raise_request_exception=False), self.people.path(role, name, wanted)
        client.cookies.update(self.people.client(role, True).cookies)
        options = {"content_type": kind} if kind else {}
        with transaction.atomic():
            answer = client.get(f"{path}?{data}") if method == "GET" else client.post(path, data, **options)
            answer.sent = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        return answer


@pytest.fixture
def site(people, settings, tmp_path) -> Site:
    settings.WORK_SECONDS_PER_MINUTE = 0
    settings.PLACES_DIR = tmp_path
    return Site(people)


def own_addresses() -> list[tuple[str, frozenset[str]]]:
    """Return the addresses of views of this site; those of the admin are Django's, for administrators."""
    return sorted((one for one in addresses() if not one[0].startswith("admin:")), key=lambda one: one[0])


def parameters_found(site: Site, looked: Looked, name: str, wanted: frozenset[str], method: str) -> Looked:
    """Return what a view looks up, also once the parameters that it looks up first are given."""
    looked.names, looked.several, looked.files, looked.json, looked.iterated = set(), set(), set(), False, False
    known: set[str] = {"?"}
    while known != looked.names:
        known = set(looked.names)
        site.send(name, wanted, method, urlencode(dict.fromkeys(known, "1")), FORM)
    if method == "POST":
        site.send(name, wanted, method, "{}", "application/json")
    found = Looked()
    found.names = looked.names | set(NAMES_OF.get(name, ()))
    found.several = set(looked.several)
    found.files, found.json, found.iterated = set(looked.files), looked.json, looked.iterated
    return found


def requests_of(name: str, found: Looked, method: str, looked: Looked) -> Iterator[tuple[str, Any, str]]:
    """Yield (what is long, query or body, content type) of every request to an address with a long list.

    looked: what views do with the requests; an outline is sent where they read numbers as JSON.
    """
    for one in sorted(found.names):
        looked.parsed = False
        for text in TEXTS[method] + (SEARCHED if name.startswith(("stac:", "ogc:")) else []):
            yield one, urlencode({one: text} | ({"filter-lang": "cql2-json"} if one == "filter" else {})), FORM
        if looked.parsed:
            yield one, urlencode({one: OUTLINE}), FORM
        if one in found.several:
            yield one, urlencode({one: range(MAX_REPEATED)}, doseq=True), FORM
        if found.json:
            for value in VALUES:
                yield one, json.dumps({one: value}), "application/json"
    for one in sorted(found.files):
        files = [SimpleUploadedFile(f"{n}.csv", b"a") for n in range(99)]
        yield one, {one: files, "where": "sites", "whole": "1"}, ""
        for name, content in FILES.items():
            where = "sites" if name.endswith("csv") else "boundary"
            yield one, {one: SimpleUploadedFile(name, content.encode()), "where": where, "whole": "1"}, ""


@pytest.mark.long
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ten_thousand_entries_in_any_parameter_are_collapsed_or_refused(site, looked, method):
    n_sent, n_parsed, wrong = 0, 0, []
    known = [(name, wanted, parameters_found(site, looked, name, wanted, method)) for name, wanted in own_addresses()]
    unnamed = [name for name, _, found in known if found.iterated and name not in NAMES_OF]
    assert unnamed == []  # Such a view goes through all parameters: write them in NAMES_OF.
    everywhere = set.intersection(*(found.names for _, _, found in known))  # looked up by middleware: sent once
    for name, wanted, found in known:
        found.names -= everywhere if name != "about" else set()
        for parameter, data, kind in requests_of(name, found, method, looked):
            n_sent += 1
            try:
                with bounded_work():
                    answer = site.send(name, wanted, method, data, kind)
                n_parsed += looked.parsed
            except AssertionError as fault:
                wrong.append((name, parameter, str(data)[:60], str(fault)))
                continue
            says = len(answer.sent) > 20 or answer.status_code in (405, 410)
            if answer.status_code >= 500 or (answer.status_code >= 400 and not says):
                wrong.append((name, parameter, str(data)[:60], answer.status_code))
    assert wrong == []
    assert n_sent > 500
    assert method == "GET" or n_parsed > 1


def test_what_the_tables_of_the_interfaces_name_is_found(site, looked):
    """So the search for parameters misses none of those that the descriptions promise."""
    by_name = dict(own_addresses())

    def found(name: str) -> set[str]:
        return parameters_found(site, looked, name, by_name[name], "GET").names

    assert set(PARAMETERS) <= found("stac:search")
    for name, one in (("ogc:items", "alerts"), ("stac:items", "predictions")):
        assert set(CATALOGUES[name[:-6]].collections[one].filters) <= found(name)
    operations = {operation["get"]["operationId"]: operation["get"] for operation in get_schema(api)["paths"].values()}
    lists = [
        (ident, parameter["name"])
        for ident, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if "array" in json.dumps(parameter["schema"])
    ]
    assert lists == []  # A parameter of the API that takes several has a limit of its own, and its name is sent above.


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


def test_code_takes_several_values_through_the_one_helper():
    """A call of `getlist` is an argument of a helper; a field of several choices is a SeveralField."""
    outside = []
    for path in (Path(settings.BASE_DIR) / "monitor").rglob("*.py"):
        tree = ast.parse(path.read_text())
        within = {
            id(inner)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and _name(call.func) in HELPERS
            for inner in ast.walk(call)
        }
        for node in ast.walk(tree):
            takes = isinstance(node, ast.Call) and _name(node.func) in {"getlist", "MultipleChoiceField"}
            if takes and id(node) not in within:
                outside.append((path.name, node.lineno))
    assert outside == []


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


GIVEN = {"sites": ("a.csv", {"radius_m": 100.0}), "boundary": ("a.geojson", {}), "picture": ("a.geojson", {})}
GIVEN["line"] = ("a.geojson", {})


@pytest.mark.parametrize("name", GIVEN_READERS)
def test_a_given_file_of_ten_thousand_entries_is_read_or_refused(tmp_path, name):
    file, options = GIVEN[name]
    path = tmp_path / file
    path.write_text(FILES[file])
    with bounded_work(), pytest.raises(UnusableData) as refused:
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
