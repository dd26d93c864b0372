"""A database of an earlier release migrates to this one without loss, is read by this one, and migrates back."""

import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import RenameField, RenameModel
from django.test import Client
from django.urls import reverse

DUMP = Path(__file__).parent / "data" / "demo-before-the-house.sql.xz"
# for a new model Django adds rows, and the groups may look at it; new groups are made; they are left on the way back
ONLY_GROWS = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
REWRITTEN = {  # columns whose values a migration replaces; on the way back they must be as they were
    "monitor_subscription": {"pause_reason"},
    "django_celery_beat_periodictask": {"name", "task"},
}
NOT_DATA = {"django_migrations", "spatial_ref_sys"}


class Content(NamedTuple):
    """rows: how many; sha256: of all rows, whatever their order."""

    rows: int
    sha256: str


@pytest.fixture
def restored(django_db_blocker) -> Iterator[None]:
    """The dump in a database of its own, in which this process works until the end of the test."""
    name = f"upgrade_{os.getpid()}"
    usual = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name}")
        connection.settings_dict["NAME"] = name
        try:
            with connection.cursor() as cursor:
                dump = lzma.decompress(DUMP.read_bytes()).decode()
                cursor.execute(dump.replace("\nCOMMENT ON EXTENSION", "\n-- COMMENT ON EXTENSION"))  # is a superuser's
            connection.close()  # with the settings that the dump made for itself
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = usual
            ContentType.objects.clear_cache()
            cache.clear()
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def columns_of_tables() -> dict[str, list[str]]:
    """Table: its columns, by name. A partition is read with its table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attname) FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
            " GROUP BY c.relname"
        )
        return {table: columns for table, columns in cursor.fetchall() if table not in NOT_DATA}


def content(table: str, columns: list[str]) -> Content:
    row = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), encode(sha256(convert_to(coalesce(string_agg(r, ' ' ORDER BY r), ''), 'UTF8')), 'hex')"
            f' FROM (SELECT ROW({row})::text AS r FROM "{table}") AS rows'
        )
        return Content(*cursor.fetchone())


def rows_of(table: str) -> set[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        return set(cursor.fetchall())


class Renames:
    """Where the tables and columns of a state of the migrations are in a later one."""

    def __init__(self, executor: MigrationExecutor, before: list[tuple[str, str]]) -> None:
        loader = executor.loader
        newest = loader.graph.leaf_nodes()
        old, new = loader.project_state(before).apps, loader.project_state(newest).apps
        models = {(model._meta.app_label, model._meta.model_name): model for model in old.get_models()}
        names = {key: key for key in models}
        fields = {key: {field.name: field.name for field in model._meta.local_fields} for key, model in models.items()}
        for migration, _ in executor.migration_plan(newest):
            for operation in migration.operations:
                self._follow(migration.app_label, operation, names, fields)
        self.tables: dict[str, str] = {}
        self.columns: dict[str, dict[str, str]] = {}
        for key, model in models.items():
            now = new.get_model(*names[key])
            self.tables[model._meta.db_table] = now._meta.db_table
            self.columns[model._meta.db_table] = {
                model._meta.get_field(was).column: now._meta.get_field(name).column
                for was, name in fields[key].items()
                if model._meta.get_field(was).column
            }

    @staticmethod
    def _follow(app: str, operation: object, names: dict, fields: dict) -> None:
        for key, (label, model) in names.items():
            if label != app:
                continue
            if isinstance(operation, RenameModel) and operation.old_name_lower == model:
                names[key] = (label, operation.new_name_lower)
            elif isinstance(operation, RenameField) and operation.model_name_lower == model:
                moved = {was: operation.new_name for was, name in fields[key].items() if name == operation.old_name}
                fields[key] |= moved


def newest_applied(executor: MigrationExecutor) -> list[tuple[str, str]]:
    """The last migration of each app that the database has, by its own table of migrations."""
    applied, graph = executor.loader.applied_migrations, executor.loader.graph
    known = [key for key in applied if key in graph.nodes]
    return [
        key
        for key in known
        if not any(child.key in applied and child.key[0] == key[0] for child in graph.node_map[key].children)
    ]


def test_a_database_of_the_release_before_migrates_to_this_one_and_back(restored):
    executor = MigrationExecutor(connection)
    released = newest_applied(executor)
    before = columns_of_tables()
    were = {table: content(table, columns) for table, columns in before.items()}
    kept = {
        table: [column for column in columns if column not in REWRITTEN.get(table, ())]
        for table, columns in before.items()
    }
    were_kept = {table: content(table, columns) for table, columns in kept.items()}
    grown = {table: rows_of(table) for table in ONLY_GROWS}
    renames = Renames(executor, released)
    assert sum(contents.rows for contents in were.values()) > 3000
    for table in ("ingest_ingestjob", "ingest_scenedownload", "ml_run", "ml_groundevent", "monitor_outgoingmail"):
        assert were[table].rows  # nothing is compared in vain

    call_command("migrate", verbosity=0)
    for table, columns in kept.items():
        if table in ONLY_GROWS:
            continue
        names = renames.columns.get(table, {})
        now = content(renames.tables.get(table, table), [names.get(column, column) for column in columns])
        assert now == were_kept[table], f"{table} has changed on the way forth"
    with transaction.atomic():
        is_read_by_the_application()
        transaction.set_rollback(True)

    for app, name in released:
        if MigrationExecutor(connection).migration_plan([(app, name)]):
            call_command("migrate", app, name, verbosity=0)
    for app in {app for app, _ in executor.loader.graph.leaf_nodes()} - {app for app, _ in released}:
        call_command("migrate", app, "zero", verbosity=0)
    assert columns_of_tables() == before
    for table, columns in before.items():
        if table not in ONLY_GROWS:
            assert content(table, columns) == were[table], f"{table} has changed on the way back"
    for table, rows in grown.items():
        assert rows <= rows_of(table)


def is_read_by_the_application() -> None:
    from django.contrib.auth import get_user_model
    from django_celery_beat.models import PeriodicTask

    from detection.lists import alerts_matching
    from detection.selectors import alert_by_code, alerts_to_review, detections_current
    from ingest.jobs.selectors import jobs_lately
    from ingest.models import SceneDownload
    from ml.events import runs_urgent
    from ml.models import GroundEvent, Run
    from ml.selectors import predictions_finished, runs_unfinished
    from monitor.celery import app
    from monitor.models.subscriptions import Subscription

    alerts = list(alerts_matching())
    assert len(alerts) == 12
    assert alerts_to_review().count() == 12
    assert all(detections_current(alert=alert).exists() for alert in alerts[:3])
    assert predictions_finished().count() == 166
    assert sorted(runs_unfinished().values_list("state", "attempts")) == [("queued", 0), ("running", 2)]
    assert Run.objects.get(state=Run.State.FAILED).attempts == 3
    assert [job.original_name for job in jobs_lately(limit=1)] == ["fourth.csv"]
    states = set(SceneDownload.objects.values_list("state", flat=True))
    assert states == {*SceneDownload.State.values} - {SceneDownload.State.CANCELLED}
    assert runs_urgent().count() == 1
    assert GroundEvent.objects.get().reported_by == "operator"

    reasons = Subscription.objects.exclude(paused_at=None).order_by("id").values_list("pause_reason", flat=True)
    assert [Subscription.PauseReason(reason).name for reason in reasons] == ["OWNER", "BOUNCED"]
    app.loader.import_default_modules()
    assert {task for task in PeriodicTask.objects.values_list("task", flat=True) if "." in task} <= set(app.tasks)

    client = Client()
    lists = ("map", "alert-list", "product-list", "event-list", "pair-list", "image-list", "uploads")
    shown = [*map(reverse, lists), alerts[0].get_absolute_url()]
    client.force_login(get_user_model().objects.get(username="operator"))
    for address in shown:
        assert client.get(address).status_code == 200, address
    assert alert_by_code(code=alerts[0].code) == alerts[0]
