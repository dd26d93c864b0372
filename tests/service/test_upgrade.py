"""A database of version 0.4.0 is taken over without loss, is read by this version, and goes back."""

import json
import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.urls import reverse

DUMP = Path(__file__).parent.parent / "data" / "demo-of-0.4.0.sql.xz"
# for a new model Django adds rows, and the groups may look at it; new groups are made; they are left on the way back
ONLY_GROWS = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
OURS = {"ingest", "ml", "detection", "monitor"}
TAKEN_OVER = "0001_tables_of_0_4_0"  # the migration of each app that stands in place of those of 0.4.0
NOT_DATA = {"django_migrations", "spatial_ref_sys"}
# These tables are gone; their rows are in the audit, and the tables come back empty.
GONE = {"detection_assignment", "detection_secondlook", "detection_reviewbatch", "ml_piececlaim", "monitor_asset"}
WORK_OF_A_TEAM = """
    INSERT INTO detection_reviewbatch (id, reviewer_id, created_at)
        SELECT 7, min(id), now() FROM auth_user;
    INSERT INTO detection_review (id, alert_id, verdict, reason_code, public_note, internal_note, batch_id, created_at)
        SELECT 8, min(id), 'field-visit', 'visit', 'Somebody goes there.', '', 7, now() FROM detection_alert;
    INSERT INTO detection_secondlook (id, review_id, reviewer_id, agrees, created_at)
        SELECT 9, 8, min(id), true, now() FROM auth_user;
    INSERT INTO detection_assignment (id, alert_id, assignee_id, created_at)
        SELECT 10, (SELECT min(id) FROM detection_alert), min(id), now() FROM auth_user;
    INSERT INTO monitor_organisation (id, name, created_at) VALUES (11, 'Village', now());
    INSERT INTO monitor_endpoint (id, channel, email, organisation_id, url, name, keys, language, created_at, failures,
        end_reason) VALUES (12, 'chat', '', 11, 'https://chat.example.org/', '', '{}', 'en', now(), 0, '');
    UPDATE monitor_subscription SET feed_key = 'secret', n_assets = 340, quiet_from = 22, quiet_until = 7
        WHERE id = (SELECT min(id) FROM monitor_subscription);
"""


class Content(NamedTuple):
    """rows: how many; sha256: of all rows, whatever their order."""

    rows: int
    sha256: str


@pytest.fixture
def restored(django_db_setup, django_db_blocker) -> Iterator[None]:
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


def is_recorded() -> set[tuple[str, str]]:
    """Return the migrations that the database records as applied."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return set(cursor.fetchall())


@pytest.mark.long
def test_a_database_of_0_4_0_is_taken_over_as_it_is_and_goes_back(restored):
    """One migration for each app stands in place of those of 0.4.0, so no table and no row may change.

    The old migrations stay recorded: 0.4.0 finds its own again and starts.
    """
    with connection.cursor() as cursor:
        cursor.execute(WORK_OF_A_TEAM)
    before, recorded = columns_of_tables(), is_recorded()
    were = {table: content(table, columns) for table, columns in before.items()}
    grown = {table: rows_of(table) for table in ONLY_GROWS}
    assert sum(contents.rows for contents in were.values()) > 3000
    for table in ("ingest_ingestjob", "ingest_scenedownload", "ml_run", "ml_groundevent", "monitor_outgoingmessage"):
        assert were[table].rows  # nothing is compared in vain

    call_command("migrate", "monitor", TAKEN_OVER, verbosity=0)  # It takes over the migrations of all apps.
    loader = MigrationLoader(connection)
    own = {key for key in loader.disk_migrations if key[0] in OURS and key[1] == TAKEN_OVER}
    replaced = {key for name in own for key in loader.disk_migrations[name].replaces}
    assert len(replaced) == 79
    assert replaced | own | recorded == is_recorded() >= replaced | own
    assert columns_of_tables() == before
    for table, columns in before.items():
        if table not in ONLY_GROWS:
            assert content(table, columns) == were[table], f"{table} has changed"
    for table, rows in grown.items():
        assert rows <= rows_of(table)

    call_command("migrate", verbosity=0)  # what came after 0.4.0 adds columns and tables
    with transaction.atomic():
        alerts_are_ordered_in_silence()
        is_read_by_the_application()
        the_audit_has_the_work_of_a_team()
        transaction.set_rollback(True)
    now = columns_of_tables()
    assert before.keys() - now.keys() == GONE
    were["detection_auditentry"] = Content(were["detection_auditentry"].rows + 7, "")
    were["monitor_endpoint"] = Content(were["monitor_endpoint"].rows - 1, "")
    for table in before.keys() - ONLY_GROWS - GONE:
        assert content(table, now[table]).rows == were[table].rows, f"{table} has lost rows"
    for app in sorted(OURS):
        call_command("migrate", app, TAKEN_OVER, verbosity=0)
    call_command("migrate", "socialaccount", "zero", verbosity=0)
    assert columns_of_tables() == before
    for table in ("ingest_product", "ingest_scene", "ingest_scenepair"):  # Footprints became multipolygons and return.
        assert content(table, before[table]) == were[table], f"{table} has changed on the way back"


@pytest.mark.django_db
def test_an_older_database_is_refused_with_the_version_that_it_needs_first():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'monitor' AND name = '0022_organisations'")
        assert cursor.rowcount == 1
    before = is_recorded()
    with pytest.raises(CommandError, match=r"older than version 0\.4\.0.*[Ii]nstall 0\.4\.0"):
        call_command("migrate", verbosity=0)
    assert is_recorded() == before


def alerts_are_ordered_in_silence() -> None:
    """`prepare` gives the alerts of 0.4.0 their importance and severity: the audit log has each, and nobody is told."""
    from detection.alerts.importance import importances_recompute
    from detection.models import Alert, AlertLife, AlertTransition, AuditEntry

    steps, changed = AlertTransition.objects.count(), Alert.objects.values_list("pk", "updated_at")
    before = set(changed)
    assert set(Alert.objects.filter(n_views=2).values_list("transitions__to_state", flat=True)) >= {"provisional"}
    assert importances_recompute() == 12
    stated = {(alert.code, f"{alert.severity}, {alert.importance:g} steps") for alert in Alert.objects.all()}
    assert set(AuditEntry.objects.filter(action="importance").values_list("subject", "after")) == stated
    assert Alert.objects.values("importance").distinct().count() > 6
    assert all(life.told["severity"] == life.alert.severity for life in AlertLife.objects.select_related("alert"))
    assert (AlertTransition.objects.count(), set(changed.all())) == (steps, before)


def the_audit_has_the_work_of_a_team() -> None:
    from detection.models import AuditEntry

    kept = {one.subject: json.loads(one.detail) for one in AuditEntry.objects.filter(action="row kept")}
    assert kept.keys() == {"Assignment 10", "SecondLook 9", "ReviewBatch 7"}
    assert kept["ReviewBatch 7"]["reviews"] == [8]
    assert kept["SecondLook 9"]["agrees"] is True
    assert kept["Assignment 10"]["assignee_id"]
    gone = AuditEntry.objects.filter(action__endswith=" removed", actor="upgrade")
    assert set(gone.values_list("subject", "before", "detail")) == {
        ("organisation 11", "chat", "1 endpoints, 0 of them contacts"),
        ("readers", "", "1 secret feeds"),
        ("readers", "", "1 subscriptions"),
        ("readers", "", "340 sites in 1 lists"),
    }


def is_read_by_the_application() -> None:
    from django.contrib.auth import get_user_model
    from django_celery_beat.models import PeriodicTask

    from detection.lists import alerts_matching
    from detection.selectors import alert_by_code, alerts_to_review, detections_current
    from ingest.jobs.services import jobs_lately
    from ingest.models import SceneDownload
    from ml.models import GroundEvent, Run
    from ml.runs.events import runs_urgent
    from ml.runs.selectors import predictions_finished, runs_unfinished
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
    lists = ("map", "alert-list", "product-list", "event-list", "uploads")
    shown = [*map(reverse, lists), alerts[0].get_absolute_url()]
    client.force_login(get_user_model().objects.get(username="operator"))
    for address in shown:
        assert client.get(address).status_code == 200, address
    assert alert_by_code(code=alerts[0].code) == alerts[0]
