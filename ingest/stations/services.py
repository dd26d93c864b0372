"""Services that load files of stations, each whole or not at all, and delete what newer files replace."""

from pathlib import Path
from typing import Any

from django.contrib.gis.geos import Point
from django.db import connection

from ground_motion.core.errors import AlreadyLoaded
from ground_motion.core.files import file_sha256
from ground_motion.readers.formats.registry import open_stations, recognise
from ground_motion.readers.records import PLAIN_SUBMISSION, Submission
from ground_motion.readers.stations.records import SAME_DEGREES, GaugeSeries, StationSeries
from ingest.foundation.locks import content_key, hold_lock
from ingest.models import Gauge, Station, StationFile

_REPLACED = """
    DELETE FROM {table} AS old USING {table} AS new
    WHERE new.id > old.id AND new.code = old.code AND new.{kind} = old.{kind}
    AND ST_DWithin(new.position, old.position, %s)
    AND new.dates[1] <= old.dates[1]
    AND new.dates[cardinality(new.dates)] >= old.dates[cardinality(old.dates)]"""  # Else the older dates would be lost.
_TABLES = ({"table": "ingest_station", "kind": "technique"}, {"table": "ingest_gauge", "kind": "kind"})


def stations_load(*, path: Path, submission: Submission = PLAIN_SUBMISSION) -> StationFile:
    """Load the stations or gauges of a file, or nothing. Raises InputError (AlreadyLoaded for the same file)."""
    stations = open_stations(path, submission.source_format, submission.declared)
    sha256 = file_sha256(path)
    with hold_lock(content_key(sha256)):
        if StationFile.objects.filter(file_sha256=sha256).exists():
            raise AlreadyLoaded(path, "this file of stations is already loaded", "Nothing to do")
        file = StationFile.objects.create(
            source_format=recognise(path, submission.declared),
            attribution=submission.attribution,
            licence=submission.licence,
            file_name=path.name[:255],
            file_sha256=sha256,
            loaded_by=submission.loaded_by,
        )
        Station.objects.bulk_create(
            Station(
                technique=station.technique.value,
                frame=station.frame,
                packed=station.columns_mm.astype("<f4").tobytes(),
                **_common(file, station),
            )
            for station in stations
            if isinstance(station, StationSeries)
        )
        Gauge.objects.bulk_create(
            Gauge(kind=station.kind.value, packed=station.values.astype("<f4").tobytes(), **_common(file, station))
            for station in stations
            if isinstance(station, GaugeSeries)
        )
        return file


def _common(file: StationFile, station: StationSeries | GaugeSeries) -> dict[str, Any]:
    position = Point(station.longitude, station.latitude, srid=4326)
    return {"file": file, "code": station.code, "position": position, "dates": list(station.dates)}


def stations_settle() -> int:
    """Delete stations and gauges that newer files replace, and files left without any; return how many of them."""
    deleted = 0
    with connection.cursor() as cursor:
        for names in _TABLES:
            cursor.execute(_REPLACED.format(**names), [SAME_DEGREES])
            deleted += cursor.rowcount
    StationFile.objects.filter(stations=None, gauges=None).delete()
    return deleted
