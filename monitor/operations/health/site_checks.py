"""Checks of the site's foundations: the database and its role, migrations, the broker, storage."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, cast

import redis
from django.conf import settings
from django.contrib.gis.gdal import gdal_version
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ground_motion.core.http.faults import SourceError
from ingest.foundation.storage import raster_folder
from ingest.sources.configured import geocode
from monitor import broker as brokers
from monitor.maps.basemap.views import fault_of
from monitor.maps.map.place_search import geocoder_host
from monitor.operations.health.condition import Wrong, condition, setup
from monitor.operations.health.process import own_host
from monitor.operations.health.selectors import sign_ages
from monitor.subscribers.accounts.selectors import publishers, reviewers
from monitor.web.deadlines import PREFIX
from monitor.wording.dates import duration_words

if TYPE_CHECKING:
    from ingest.foundation.storage.objects import ObjectStorage  # Its libraries are an optional extra.

ANSWER_SECONDS = 3
PAGE_SECONDS = 10.0
MAX_CLOCK_SECONDS = 120  # object stores refuse requests after 900


@contextmanager
def _asked() -> Iterator[CursorWrapper]:
    """Yield a cursor of a separate connection with a short time limit: an old connection may hang for ever."""
    own: BaseDatabaseWrapper = connections["default"].copy()
    own.settings_dict["OPTIONS"] = {**own.settings_dict.get("OPTIONS", {}), "connect_timeout": ANSWER_SECONDS}
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(1000 * ANSWER_SECONDS)])
            yield cursor
    except DatabaseError as fault:
        raise Wrong("the database does not answer") from fault
    finally:
        own.close()


@condition(
    "database",
    "Start PostgreSQL, or correct DATABASE_URL. What was running is taken up again by itself.",
    site_needs=True,
    needs_database=False,
)
def database() -> str:
    """Check that the database answers."""
    with _asked() as cursor:
        cursor.execute("SELECT split_part(version(), ' ', 2), postgis_lib_version()")
        return "PostgreSQL {}, PostGIS {}".format(*cursor.fetchone())


@condition("migrations", "Run manage.py prepare, then restart every process.", site_needs=True)
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


@condition(
    "broker",
    "Start it, or correct BROKER_URL or REDIS_URL. Nothing is lost: waiting work is announced again after a minute.",
    site_needs=True,
    needs_database=False,
)
def broker() -> str:
    """Check that the message broker answers."""
    url = settings.CELERY_BROKER_URL
    try:
        return brokers.version(url, seconds=ANSWER_SECONDS)
    except brokers.AWAY as fault:
        raise Wrong(f"{brokers.name(url)} does not answer") from fault


@condition("web", "Start the web process, or look into its log; where it runs on another machine, set WEB.")
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


@condition(
    "requests",
    "Look into the log of the web process for “longer than it may”: the lines below it say where it hung."
    " Another process has taken its place.",
)
def requests() -> str:
    """Check that no web process was killed in the last day because a request hung. Raises Wrong."""
    ages = {name.removeprefix(PREFIX): age for name, age in sign_ages().items() if name.startswith(PREFIX)}
    if not ages:
        return "none hung in the last day"
    what, age = min(ages.items(), key=lambda one: one[1])
    raise Wrong(f"a web process was ended {duration_words(age)} ago, because a request hung: {what}")


@condition("cache", "Start Redis, or correct REDIS_URL.", needs_database=False)
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


@condition(
    "database role",
    "Make three roles (scripts/database_roles.sql), and set DATABASE_URL, DATABASE_OWNER_URL and DATABASE_READER_URL.",
    alarms=False,
)
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
    if is_owner or name == settings.DATABASE_ROLES["reader"]:  # The service itself does not know the owner's address.
        raise Wrong(f"the role {name} does the work of others too: it owns tables, or reads given files")
    return f"{name} is no superuser, owns no table and reads no given file"


@condition(
    "raster storage",
    "Make RASTER_DIR writable for the account that runs the service, or free its disk; where"
    " RASTER_STORAGE_URL is set, see whether the object store runs, takes writes and has the same time.",
    needs_database=False,
)
def storage() -> str:
    """Check that rasters can be written, and that the clock of an object store agrees."""
    rasters = storages["rasters"]
    try:
        rasters.delete(rasters.save("doctor.txt", ContentFile(b"written by the doctor")))
    except OSError as fault:
        raise Wrong(f"rasters cannot be written: {fault.strerror}") from fault
    if raster_folder():
        return "writable"
    store = cast("ObjectStorage", rasters)
    ahead = store.clock_ahead_seconds()
    if abs(ahead) > MAX_CLOCK_SECONDS:
        raise Wrong(f"the clock of this machine is {ahead:.0f} s ahead of that of {store.place}")
    return f"writable, {store.place}"


@setup("base map", "Correct BASEMAP to a PMTiles file, or leave it empty: maps then show what is loaded.")
def base_map() -> str:
    """Check the file of the base map."""
    if not settings.BASEMAP_ARCHIVE:
        return "what is loaded"
    if fault := fault_of(Path(settings.BASEMAP_ARCHIVE)):
        raise Wrong(fault)
    return settings.BASEMAP_ARCHIVE


@setup(
    "geocoder", "Correct GEOCODER_URL and name its host in OUTBOUND_HOSTS, or leave it empty: what is loaded is found."
)
def geocoder() -> str:
    """Check that the geocoder answers."""
    if not settings.GEOCODER_URL:
        return "none"
    if not settings.GEOCODER_URL.startswith("http") or settings.GEOCODER_URL.endswith(("/api", "/api/")):
        raise Wrong("GEOCODER_URL is not the address of a Nominatim (…/search); Photon is no longer supported")
    try:
        geocode(text="Berlin", language="en", most=1)
    except SourceError as fault:
        raise Wrong(str(fault)) from fault
    return f"Nominatim at {geocoder_host()}"


@condition("second person", "Invite a publisher at /accounts/, or leave SECOND_PERSON_FROM empty.", alarms=False)
def second_person() -> str:
    """Check that two people can confirm and publish, if the settings require a second person."""
    if not settings.SECOND_PERSON_FROM:
        return "one person confirms"
    may_publish, may_propose = publishers().count(), reviewers().count()
    if not may_publish or may_propose < 2:
        raise Wrong("no second person can agree with what an operator proposes")
    return f"of {may_propose} who propose, {may_publish} may publish"


@setup("GDAL", "Install rasterio anew.")
def gdal() -> str:
    """Return the version of GDAL."""
    return gdal_version().decode()
