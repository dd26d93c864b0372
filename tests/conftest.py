"""What holds for every test: settings of its own, one database, and the real data beside the project."""

import gc
import logging
import os
from functools import cache
from pathlib import Path

import hypothesis
import pytest

from tests.shares import dealt_out
from tests.waiting import make_template, once_per_run

ROOT = Path(__file__).resolve().parent.parent
LONG, LONG_MARKS = {"lab", "packaging"}, ("browser", "demo")  # folders and marks of tests that scripts/test leaves out
SERVERS = {"faults", "deploy"}  # folders of the service whose tests mostly wait for servers

hypothesis.settings.register_profile("tests", deadline=None)  # other workers may hold the cores
hypothesis.settings.load_profile("tests")

pytest_plugins = [
    "tests.fixtures.files",
    "tests.fixtures.language",
    "tests.fixtures.machine",
    "tests.fixtures.region",
    "tests.fixtures.servers",
    "tests.fixtures.slow_servers",
    "tests.fixtures.storage",
    "tests.seconds",
]

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop in the test's thread


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what is long before `-m` chooses; then have the demo done first, and others that take long next."""
    slow = [item for item in items if any(map(item.get_closest_marker, ("long", "demo")))]
    first = {*slow, *(item for item in items if SERVERS & {*_place(item.path)})}
    for item in items:
        if LONG & {*_place(item.path)} or any(map(item.get_closest_marker, LONG_MARKS)):
            item.add_marker(pytest.mark.long)
    yield
    items.sort(key=lambda item: item.get_closest_marker("demo") is None)
    long, others = ([item for item in items if (item in first) == is_long] for is_long in (True, False))
    items[:] = dealt_out(long, others, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


@cache
def _place(path: Path) -> tuple[str, ...]:
    """Return the part of the tests that a module is in, and the folder or module in that part."""
    return path.relative_to(ROOT / "tests").parts[:2]


@pytest.hookimpl(tryfirst=True)
def pytest_collection():
    """Imports make no garbage worth looking for."""
    gc.disable()


def pytest_collection_finish():
    """What is imported stays: looking through it for garbage again and again took a quarter of the time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The shared folder of real files."""
    folder = Path(os.environ.get("GROUND_MOTION_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"there is no folder of real data at {folder} (set GROUND_MOTION_DATA)")
    return folder


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request, django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """The tests make, fill and empty a database: they are its owner. What other roles may is tested as those roles.

    Migrations run once: every worker's database is a copy of the first.
    """
    from django.conf import settings
    from django.db import connection

    connection.settings_dict.update({name: settings.DATABASE_OWNER[name] for name in ("USER", "PASSWORD")})
    if not request.config.getvalue("reuse_db") or request.config.getvalue("create_db"):
        blocker = request.getfixturevalue("django_db_blocker")
        with blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = once_per_run(tmp_path_factory, "template", make_template)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """At the end, close what threads of tests left open; the database cannot be dropped while it is used."""
    from django.db import connection

    yield
    gc.collect()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND pg_has_role(usesysid, 'MEMBER')"
        )


KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}  # migrations fill them


@pytest.fixture(autouse=True, scope="session")
def quick_sweep():
    """After a transactional test only tables that hold rows are emptied; the audit's guard is taken down for it.

    Truncating all of them and making every permission anew takes longer than most of these tests.
    """
    from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
    from django.core.management.commands import flush
    from django.db import connection

    def swept(self, style, tables, **options):
        filled = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT FROM {self.quote_name(name)})" for name in sorted({*tables} - KEPT)
        )
        with connection.cursor() as cursor:
            cursor.execute(filled)
            statements = [f"DELETE FROM {self.quote_name(name)}" for (name,) in cursor.fetchall()]
        guard = "ALTER TABLE detection_auditentry {} TRIGGER USER"
        return [guard.format("DISABLE"), *statements, "SET CONSTRAINTS ALL IMMEDIATE", guard.format("ENABLE")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostGISOperations, "sql_flush", swept)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args: None)
        yield


@pytest.fixture(autouse=True)
def log_of_tests():
    """Put the log's handlers back: one that a test's code adds writes to a stream that is closed with that test."""
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.fixture(autouse=True, scope="session")
def settings_of_tests(tmp_path_factory):
    """Set once what is the same for all tests; a test about one of these settings changes it."""
    from django.conf import settings
    from django.test import override_settings

    with override_settings(
        GATHERING={"mail": (0.0, 0.0)},  # News leaves at once.
        # Each process has a cache of its own, because all share the private Redis.
        CACHES={"default": {"BACKEND": "tests.caches.JsonCache", "LOCATION": "tests"}},
        PLACES_DIR=tmp_path_factory.getbasetemp() / "places",  # Each worker of pytest is a machine of its own.
        # A test's transaction hides its run from the heartbeat's connection, which would end the process.
        RUN_BEAT_SECONDS=3600.0,
        # Argon2 is slow on purpose, and accounts of tests need no such protection.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS],
        MFA_REQUIRED=False,
        INGEST_WORKERS=1,  # Threads would not see what a test's transaction writes.
        # WhiteNoise would look through all static files for each new client; tests serve them by other means.
        STATIC_ROOT=tmp_path_factory.mktemp("static"),
    ):
        yield


@pytest.fixture(autouse=True)
def empty_cache(settings_of_tests):
    """Begin every test with an empty cache."""
    from django.core.cache import cache

    cache.clear()
