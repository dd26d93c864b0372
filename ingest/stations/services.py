"""Services that load files of stations, each whole or not at all, and delete what newer files replace."""

from pathlib import Path

from django.contrib.gis.geos import Point
from django.db import connection

from ingest.errors import AlreadyLoaded
from ingest.formats import open_stations, recognise
from ingest.locks import content_key, locked
from ingest.models import Station, StationFile
from ingest.readers.files import file_sha256
from ingest.readers.records import PLAIN_SUBMISSION, Submission

SAME_DEGREES = 0.01  # two rows of one name this close are one station: names such as "1001" recur elsewhere
_REPLACED = """
    DELETE FROM ingest_station AS old USING ingest_station AS new
    WHERE new.id > old.id AND new.code = old.code AND new.technique = old.technique
    AND ST_DWithin(new.position, old.position, %s)
    AND new.dates[1] <= old.dates[1]
    AND new.dates[cardinality(new.dates)] >= old.dates[cardinality(old.dates)]"""  # else the older dates would be lost


def stations_load(*, path: Path, submission: Submission = PLAIN_SUBMISSION) -> StationFile:
    """Load the stations of a file. Raises InputError (AlreadyLoaded for the same file); then nothing has changed."""
    stations = open_stations(path, submission.source_format, submission.declared)
    sha256 = file_sha256(path)
    with locked(content_key(sha256)):
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
                file=file,
                code=one.code,
                technique=one.technique.value,
                frame=one.frame,
                position=Point(one.longitude, one.latitude, srid=4326),
                dates=list(one.dates),
                packed=one.columns_mm.astype("<f4").tobytes(),
            )
            for one in stations
        )
        return file


def stations_settle() -> int:
    """Delete stations that newer files replace, and files left without any; return the number of deleted stations."""
    with connection.cursor() as cursor:
        cursor.execute(_REPLACED, [SAME_DEGREES])
        deleted = cursor.rowcount
    StationFile.objects.filter(stations=None).delete()
    return deleted
