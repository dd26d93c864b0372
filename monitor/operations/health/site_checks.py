"""Checks of the site's foundations: the database and its role, migrations, the broker, storage."""

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.gis.gdal import gdal_version
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ingest.sources.client.faults import SourceError
from ingest.sources.configured import geocode, geocoder_kind
from ingest.storage import raster_folder
from monitor import broker as brokers
from monitor.maps.basemap.archive import fault_of
from monitor.maps.map.place_search import geocoder_host
from monitor.operations.database.replica import REPLAYED, REPLICA, WRITTEN
from monitor.operations.health.condition import Wrong
from monitor.operations.health.process import own_host
from monitor.operations.health.signs import sign_ages
from monitor.pages.uploads.resumable import in_words
from monitor.subscribers.accounts.selectors import publishers, reviewers
from monitor.web.ended import PREFIX
from monitor.wording.dates import duration_words

ANSWER_SECONDS = 3
PAGE_SECONDS = 10.0
MOST_CLOCK_SECONDS = 120  # object stores refuse requests after 900


@contextmanager
def _asked(alias: str = "default") -> Iterator[CursorWrapper]:
    """Yield a cursor of a separate connection with a short time limit: an old connection may hang for ever."""
    own: BaseDatabaseWrapper = connections[alias].copy()
    own.settings_dict["OPTIONS"] = {**own.settings_dict.get("OPTIONS", {}), "connect_timeout": ANSWER_SECONDS}
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(1000 * ANSWER_SECONDS)])
            yield cursor
    except DatabaseError as fault:
        raise Wrong(f"the {'database' if alias == 'default' else alias} does not answer") from fault
    finally:
        own.close()


def database() -> str:
    """Check that the database answers."""
    with _asked() as cursor:
        cursor.execute("SELECT split_part(version(), ' ', 2), postgis_lib_version()")
        return "PostgreSQL {}, PostGIS {}".format(*cursor.fetchone())


def replica() -> str:
    """Check that the replica catches up with the primary's present state within REPLICA_LAG_SECONDS."""
    if REPLICA not in settings.DATABASES:
        return "none"
    with _asked() as primary, _asked(REPLICA) as follower:
        primary.execute(WRITTEN)
        (written,) = primary.fetchone()
        ends_at = time.monotonic() + settings.REPLICA_LAG_SECONDS
        while True:
            follower.execute(REPLAYED)
            (replayed,) = follower.fetchone()
            if replayed is None:
                raise Wrong("the replica follows no other database")
            if replayed >= written:
                return "follows"
            if time.monotonic() > ends_at:
                raise Wrong(f"the replica is behind by {in_words(int(written - replayed))}")
            time.sleep(0.05)


def migrations() -> str:
    """Check that every migration of this code is applied."""
    with _asked() as cursor:
        cursor.execute(f"SELECT app, name FROM {MigrationRecorder.Migration._meta.db_table}")  # noqa: S608
        missing = _last_migrations() - set(cursor.fetchall())
    if missing:
        raise Wrong(f"the database is not migrated: {', '.join(sorted('.'.join(one) for one in missing))}")
    return "all applied"


@functools.cache
def _last_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def broker() -> str:
    """Check that the message broker answers."""
    url = settings.CELERY_BROKER_URL
    try:
        return brokers.version(url, seconds=ANSWER_SECONDS)
    except brokers.AWAY as fault:
        raise Wrong(f"{brokers.name(url)} does not answer") from fault


def web() -> str:
    """Check that the web process serves the first page, bypassing the proxy. Raises Wrong."""
    connection = HTTPConnection(settings.WEB, timeout=PAGE_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": own_host(), "X-Forwarded-Proto": "https"})
        status = connection.getresponse().status
    except (OSError, HTTPException) as fault:
        raise Wrong(f"no web process answers at {settings.WEB}") from fault
    finally:
        connection.close()
    if status != HTTPStatus.OK:
        raise Wrong(f"the first page answers with status {status}")
    return f"answers at {settings.WEB}"


def requests() -> str:
    """Check that no web process was killed in the last day because a request hung. Raises Wrong."""
    ages = {name.removeprefix(PREFIX): age for name, age in sign_ages().items() if name.startswith(PREFIX)}
    if not ages:
        return "none hung in the last day"
    what, age = min(ages.items(), key=lambda one: one[1])
    raise Wrong(f"a web process was ended {duration_words(age)} ago, because a request hung: {what}")


def cache() -> str:
    """Check that Redis answers."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        ) as client:
            client.ping()
    except redis.RedisError as fault:
        raise Wrong("the cache does not answer: pages are slow, and limits on requests do not hold") from fault
    return "answers"


def database_role() -> str:
    """Check that the service's database role owns no tables and is no superuser."""
    with _asked() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, EXISTS (SELECT FROM pg_class WHERE relname = %s AND relowner = pg_roles.oid)"
            " FROM pg_roles WHERE rolname = current_user",
            [MigrationRecorder.Migration._meta.db_table],
        )
        name, is_superuser, is_owner = cursor.fetchone()
    if is_superuser:
        raise Wrong(f"the role {name} is a superuser of the database")
    if is_owner or name == settings.DATABASE_ROLES["reader"]:  # the owner's address is kept from the service itself
        raise Wrong(f"the role {name} does the work of others too: it owns tables, or reads given files")
    return f"{name} is no superuser, owns no table and reads no given file"


def storage() -> str:
    """Check that rasters can be written, and that the clock of an object store agrees."""
    rasters = storages["rasters"]
    try:
        rasters.delete(rasters.save("doctor.txt", ContentFile(b"written by the doctor")))
    except OSError as fault:
        raise Wrong(f"rasters cannot be written: {fault.strerror}") from fault
    if raster_folder():
        return "writable"
    ahead = rasters.clock_ahead_seconds()
    if abs(ahead) > MOST_CLOCK_SECONDS:
        raise Wrong(f"the clock of this machine is {ahead:.0f} s ahead of that of {rasters.place}")
    return f"writable, {rasters.place}"


def base_map() -> str:
    """Check the file of the base map."""
    if not settings.BASEMAP_ARCHIVE:
        return "what is loaded"
    if fault := fault_of(Path(settings.BASEMAP_ARCHIVE)):
        raise Wrong(fault)
    return settings.BASEMAP_ARCHIVE


def geocoder() -> str:
    """Check that the geocoder answers."""
    try:
        kind = geocoder_kind()
        if not kind:
            return "none"
        geocode(text="Berlin", language="en", most=1)
    except (ImproperlyConfigured, SourceError) as fault:
        raise Wrong(str(fault)) from fault
    return f"{kind} at {geocoder_host()}"


def second_person() -> str:
    """Check that two people can confirm and publish, if the settings require a second person."""
    if not settings.SECOND_PERSON_FROM:
        return "one person confirms"
    may_publish, may_propose = publishers().count(), reviewers().count()
    if not may_publish or may_propose < 2:
        raise Wrong("no second person can agree with what an operator proposes")
    return f"of {may_propose} who propose, {may_publish} may publish"


def gdal() -> str:
    """Return the version of GDAL."""
    return gdal_version().decode()


def push_key() -> str:
    """Check that there is a key for messages to phones and other devices."""
    if not settings.PUSH_PRIVATE_KEY:
        raise Wrong("there is no key for messages to phones and other devices: nobody can add one")
    return "set"
