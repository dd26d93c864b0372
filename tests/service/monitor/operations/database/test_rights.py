"""What the database itself refuses to the application and to the process that reads files, whatever they run."""

import os
from collections.abc import Iterable, Iterator
from datetime import date

import environ
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import errors, sql

from detection.models import AuditEntry
from ground_motion.readers.records import Declaration, Submission
from ingest.jobs import services as jobs
from ingest.models import IngestJob, MeasurementPoint, Product, Scene
from ingest.products.partitions import POINT_COLUMNS, POINTS, SERIES
from ingest.products.services import product_delete, product_load
from ingest.scenes.services import scenes_load
from monitor.operations.database.rights import READER_TABLES
from tests.makers import geotiff

pytestmark = pytest.mark.django_db(transaction=True)
ROLES = {"application": os.environ["DATABASE_URL"], "reader": settings.DATABASE_READER_URL}


@pytest.fixture(autouse=True)
def apart():
    if len(set(settings.DATABASE_ROLES.values())) < 3:
        pytest.skip("one role does everything here (DATABASE_OWNER_URL and DATABASE_READER_URL are not set)")


def session(role: str) -> psycopg.Connection:
    """Connect a role to the database of this test; every statement is a transaction."""
    known = environ.Env.db_url_config(ROLES[role])
    options = connection.get_connection_params() | {"user": known["USER"], "password": known["PASSWORD"]}
    wanted = ("host", "port", "dbname", "user", "password")
    return psycopg.connect(**{name: options[name] for name in wanted if name in options}, autocommit=True)


@pytest.fixture(params=ROLES)
def anybody(request) -> Iterator[psycopg.Connection]:
    with session(request.param) as made:
        yield made


@pytest.fixture
def reader() -> Iterator[psycopg.Connection]:
    with session("reader") as made:
        yield made


@pytest.fixture
def product(make_egms) -> Iterator[Product]:
    """One that somebody else loaded."""
    made = product_load(path=make_egms(n=12))
    yield made
    product_delete(product=made)


AUDIT, TRANSITIONS = "detection_auditentry", "detection_alerttransition"
POWERS = [*(f"UPDATE {table} SET {column} = 'nobody'" for table, column in ((AUDIT, "actor"), (TRANSITIONS, "reason")))]
POWERS += [*(f"DELETE FROM {table}" for table in (AUDIT, TRANSITIONS))]
POWERS += [*(f"TRUNCATE {table} CASCADE" for table in (AUDIT, TRANSITIONS))]
POWERS += [*(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in (AUDIT, TRANSITIONS))]
POWERS += [f"ALTER TABLE {AUDIT} DISABLE TRIGGER ALL", f"DROP TRIGGER audit_rows_stay ON {AUDIT}"]
POWERS += ["DROP FUNCTION detection_audit_is_kept() CASCADE", f"DROP TABLE {AUDIT}"]
POWERS += [f"CREATE RULE nothing AS ON INSERT TO {AUDIT} DO INSTEAD NOTHING"]
POWERS += ["SET session_replication_role = replica", "SET ROLE {owner}", "SET ROLE {superuser}"]
POWERS += ["SET SESSION AUTHORIZATION {owner}", "ALTER ROLE CURRENT_USER SUPERUSER", "GRANT {owner} TO CURRENT_USER"]
POWERS += ["CREATE ROLE another LOGIN SUPERUSER", "ALTER SYSTEM SET log_statement = 'none'", "LOAD '/tmp/library'"]
POWERS += ["CREATE TABLE mine (secret text)", "CREATE TEMP TABLE mine (secret text)"]
POWERS += ["CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"]
POWERS += ["CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"]
POWERS += ["CREATE OR REPLACE FUNCTION ingest_product_begin() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"]
POWERS += ["CREATE EXTENSION dblink", "COPY (SELECT 1) TO PROGRAM 'id'", "COPY ingest_product FROM PROGRAM 'id'"]
POWERS += ["COPY (SELECT 1) TO '/tmp/ground-motion-stolen'", "COPY ingest_product FROM '/etc/passwd'"]
POWERS += ["SELECT pg_read_file('/etc/passwd')", "SELECT pg_read_binary_file('PG_VERSION')", "SELECT pg_ls_dir('.')"]
POWERS += ["SELECT lo_import('/etc/passwd')", "SELECT * FROM pg_authid"]
POWERS += ["ALTER TABLE ingest_scene DISABLE ROW LEVEL SECURITY", "DROP POLICY reader_update ON ingest_ingestjob"]
POWERS += ["DELETE FROM django_migrations", f"DROP TABLE {POINTS}"]


def allowed(session: psycopg.Connection, statements: Iterable[str]) -> list[str]:
    """Return the statements that the database does not refuse for lack of a right."""
    done = []
    for statement in statements:
        try:
            session.execute(statement)
        except errors.InsufficientPrivilege:
            continue
        done.append(statement)
    return done


def test_the_application_and_the_reader_have_no_powers_over_the_audit_the_server_or_the_disk(anybody):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1")
        names = {"superuser": cursor.fetchone()[0], "owner": settings.DATABASE_ROLES["owner"]}
    before = AuditEntry.objects.create(actor="anna", action="confirm", subject="AB12")
    assert allowed(anybody, [statement.format(**names) for statement in POWERS]) == []
    assert list(AuditEntry.objects.values_list("pk", "actor")) == [(before.pk, "anna")]


@pytest.mark.parametrize("part", ["owner", *ROLES])
def test_no_role_of_the_service_is_a_superuser_or_a_member_of_another(part):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = %s",
            [settings.DATABASE_ROLES[part]],
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute(
            "SELECT count(*) FROM pg_auth_members"
            " WHERE member = %s::regrole AND roleid::regrole::text NOT LIKE 'pg_read_all_%%'",
            [settings.DATABASE_ROLES[part]],
        )
        assert cursor.fetchone() == (0,)


def test_the_application_adds_to_the_audit_and_reads_it():
    with session("application") as application:
        application.execute(
            f"INSERT INTO {AUDIT} (created_at, actor, action, subject, before, after, detail)"
            " VALUES (now(), 'anna', 'confirm', 'AB12', '', '', '')"
        )
        assert application.execute(f"SELECT actor FROM {AUDIT}").fetchall() == [("anna",)]
        application.execute("DELETE FROM detection_alertrelation")  # Verdicts that are taken back do that.


def test_the_reader_reads_no_table_but_those_it_works_on(reader):
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    secret = {
        "auth_user",
        "django_session",
        "monitor_subscription",
        "monitor_outgoingmessage",
        "detection_alert",
        AUDIT,
    }
    assert secret <= set(names) - set(READER_TABLES)
    others = set(names) - set(READER_TABLES) - {"spatial_ref_sys", "geometry_columns", "geography_columns"}
    forbidden = ("SELECT count(*) FROM {}", "DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES")
    statements = (sql.SQL(one).format(sql.Identifier(name)) for name in others for one in forbidden)
    assert allowed(reader, (statement.as_string(reader) for statement in statements)) == []


OF_OTHERS = [f"INSERT INTO {POINTS} SELECT * FROM {POINTS}"]
OF_OTHERS += [
    f"INSERT INTO {POINTS} (product_id, pid, velocity_mm_yr, position, tile_point)"
    " VALUES ({pk}, 'x', 0, 'SRID=4326;POINT(0 0)', 'SRID=3857;POINT(0 0)')"
]
OF_OTHERS += [f"INSERT INTO {POINTS}_p{{pk}} (pid) VALUES ('x')"]
OF_OTHERS += [f"INSERT INTO {SERIES}_p{{pk}} (pid, packed) VALUES ('x', '')"]
OF_OTHERS += [f"COPY {POINTS}_p{{pk}} ({POINT_COLUMNS}) FROM STDIN (FORMAT binary)"]
OF_OTHERS += [f"UPDATE {POINTS} SET velocity_mm_yr = 0", f"DELETE FROM {POINTS} WHERE product_id = {{pk}}"]
OF_OTHERS += [f"DROP TABLE {POINTS}_p{{pk}}", f"ALTER TABLE {POINTS} DETACH PARTITION {POINTS}_p{{pk}}"]
OF_OTHERS += [f"TRUNCATE {SERIES}_p{{pk}}", "SELECT ingest_product_drop({pk})"]
OF_OTHERS += ["SELECT ingest_product_seal({pk})", "SELECT ingest_product_unseal({pk})"]
OF_OTHERS += [
    "SELECT ingest_datum_set({pk}, (SELECT xmin::text FROM ingest_product WHERE id = {pk}), 9, 1, 'file', 0, 0)"
]
OF_OTHERS += ["SELECT ingest_product_attach({pk}, 1)", "SELECT ingest_parts_build(ARRAY[{pk}])"]
OF_OTHERS += ["SELECT ingest_parts_swap({pk}, ARRAY[{pk}])", "SELECT ingest_parts_sweep()"]
OF_OTHERS += ["UPDATE ingest_product SET n_points = 0", "DELETE FROM ingest_product"]
OF_OTHERS += ["UPDATE ingest_pyramidcell SET n = 0", "UPDATE detection_alert SET state = 'rejected'"]
OF_OTHERS += ["UPDATE ingest_ingestjob SET given_by = 'anna'"]
OF_OTHERS += ["UPDATE ingest_ingestjob SET stored_path = '/etc/passwd'", "DELETE FROM ingest_ingestjob"]
OF_OTHERS += ["DELETE FROM ingest_ingestjob_products", "UPDATE ingest_elevationtile SET raster = 'x'"]


def test_the_reader_cannot_touch_what_others_loaded(reader, product):
    Product.objects.update(datum_at=None)  # Its datum is due, as after an update of the software.
    assert allowed(reader, [statement.format(pk=product.pk) for statement in OF_OTHERS]) == []
    assert MeasurementPoint.objects.filter(product=product).count() == 12


def test_the_reader_changes_running_jobs_and_refused_images_only(reader, make_rtc):
    (scene,) = scenes_load(path=make_rtc())
    job = IngestJob.objects.create(source="watch", original_name="a.csv", state="loaded")
    running = IngestJob.objects.create(source="watch", original_name="b.csv", state="running")
    assert reader.execute("UPDATE ingest_ingestjob SET state = 'failed', error = 'x'").rowcount == 1
    assert reader.execute("UPDATE ingest_scene SET state = 'refused', reason = 'x'").rowcount == 0
    assert reader.execute("DELETE FROM ingest_scene").rowcount == 0
    for row in (job, running, scene):
        row.refresh_from_db()
    assert (job.state, running.state, scene.state) == ("loaded", "failed", Scene.State.READY)


@pytest.mark.parametrize("role", ROLES)
def test_points_come_into_a_product_of_ones_own_until_it_is_attached_and_never_again(role):
    row = f"INSERT INTO {POINTS}_p{{}} (pid, velocity_mm_yr, position, tile_point)"
    row += " VALUES ('{}', 0, 'SRID=4326;POINT(0 0)', 'SRID=3857;POINT(0 0)')"
    other = {"application": "reader", "reader": "application"}[role]
    with session(role) as loader, session(other) as stranger:
        (mine,) = loader.execute("SELECT ingest_product_begin()").fetchone()
        loader.execute(row.format(mine, "a"))
        attach = f"SELECT ingest_product_attach({mine}, 1)"
        assert allowed(stranger, [row.format(mine, "b"), attach]) == []
        with pytest.raises(errors.CheckViolation):
            loader.execute(
                row.format(mine, "c").replace("(pid,", "(product_id, pid,").replace("('c',", f"({mine + 1}, 'c',")
            )
        loader.execute(attach)
        assert allowed(loader, [row.format(mine, "d"), attach]) == []
    assert list(MeasurementPoint.objects.filter(product=mine).values_list("pid", flat=True)) == ["a"]
    with connection.cursor() as cursor:
        cursor.callproc("ingest_product_drop", [mine])


def test_the_application_merges_parts_by_their_numbers_and_owns_none_of_them(product, make_egms):
    other = product_load(path=make_egms(name="EGMS_L2b_044_0300_IW1_VV_2020_2024_1.zip", n=9, xml=None))
    numbers = f"ARRAY[{product.pk}, {other.pk}]"
    with session("application") as application:
        (merged,) = application.execute(f"SELECT ingest_parts_build({numbers})").fetchone()
        tables = [f"{table}_p{merged}" for table in (POINTS, SERIES)]
        forbidden = [f"{verb} {table}" for verb in ("DELETE FROM", "TRUNCATE", "DROP TABLE") for table in tables]
        assert allowed(application, forbidden) == []
        application.execute(f"SELECT ingest_parts_swap({merged}, {numbers})")
        assert application.execute(f"SELECT count(*) FROM {POINTS}").fetchone() == (21,)
        assert allowed(application, forbidden) == []
        application.execute("SELECT ingest_product_drop(%s)", [other.pk])
        assert application.execute(f"SELECT count(*) FROM {POINTS}").fetchone() == (12,)
    other.delete()


def test_the_confined_process_is_the_reader_knows_no_other_password_and_can_correct(tmp_path, make_egms, monkeypatch):
    seen = {}
    confined = jobs.run_confined

    def noted(command, *, environment, **options):
        seen.update(environment)
        return confined(command, environment=environment, **options)

    monkeypatch.setattr(jobs, "run_confined", noted)
    path = make_egms(n=12)
    job = jobs.job_execute(job_id=jobs.job_queue(source=IngestJob.Source.WATCH, path=path, original_name=path.name).pk)
    assert job.state == IngestJob.State.LOADED, job.error  # The zero of a calibrated file is confirmed, but not moved.
    product_delete(product=job.products.get())
    path, made = geotiff.make(tmp_path), []
    for positive in ("up", "down"):
        told = Declaration(unit="mm/yr", positive=positive, period=(date(2019, 1, 1), date(2023, 12, 31)))
        given = {"path": path, "original_name": path.name, "submission": Submission(declared=told)}
        job = jobs.job_queue(source=IngestJob.Source.WATCH, corrects=made[-1] if made else None, **given)
        job = jobs.job_execute(job_id=job.pk)
        assert job.state == IngestJob.State.LOADED, job.error
        made.append(job.products.get())
    assert list(Product.objects.all()) == made[1:]
    known = environ.Env.db_url_config(seen["DATABASE_URL"])
    assert known["USER"] == settings.DATABASE_ROLES["reader"]
    others = {environ.Env.db_url_config(ROLES["application"])["PASSWORD"], settings.DATABASE_OWNER["PASSWORD"]}
    assert not [name for name, value in seen.items() for password in others if password in value]
    for product in Product.every.all():
        product_delete(product=product)
