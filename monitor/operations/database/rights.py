"""Rights of the database roles, in a table that is applied after every migration; rights not listed are revoked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from ingest.foundation.locks import Lock, lock
from ingest.products import pyramid
from ingest.products.functions import CREATE_FUNCTIONS
from ingest.products.partitions import POINTS, SERIES

APPLICATION, READER = "application", "reader"
READ, ADD, CHANGE = "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE, DELETE"

# The application may change the rows of every table but these.
APPLICATION_TABLES = {
    "detection_auditentry": ADD,
    "detection_alerttransition": ADD,
    "detection_alertupdate": ADD,
    "detection_alertrelation": "SELECT, INSERT, DELETE",
    "ingest_productevent": ADD,
    "monitor_capmessage": ADD,
    POINTS: READ,
    SERIES: READ,
    pyramid.TABLE: READ,
    "django_migrations": READ,
}
# The process that reads files may do nothing but this.
READER_TABLES = {
    "ingest_product": ADD,
    POINTS: READ,  # They are compared with those of a file that is given again, and with stations.
    SERIES: READ,
    "ingest_productevent": ADD,
    "ingest_scene": CHANGE,
    "ingest_gauge": ADD,
    "ingest_interferogram": ADD,
    "ingest_station": ADD,
    "ingest_stationfile": ADD,
    "ingest_ingestjob": (  # A row-level policy limits the changes to running jobs.
        "SELECT, UPDATE (state, points_done, sha256, error, cause, faults, next_try_at, lease_until, finished_at,"
        " inspection)"
    ),
    "ingest_ingestjob_products": ADD,
    "ingest_ingestjob_scenes": ADD,
    "ingest_product_derived_from": READ,
    "ingest_contextlayer": READ,
    "ingest_elevationtile": READ,
}
FUNCTIONS = {
    "ingest_product_begin()": (APPLICATION, READER),
    "ingest_product_attach(bigint, bigint)": (APPLICATION, READER),
    "ingest_releases_settle(bigint, text, text, text, boolean)": (APPLICATION, READER),
    "ingest_is_same(bigint, bigint)": (),
    "ingest_product_seal(bigint)": (APPLICATION, READER),
    "ingest_product_unseal(bigint)": (APPLICATION,),
    "ingest_datum_set(bigint, text, float8, float8, text, int, float8)": (APPLICATION, READER),
    "ingest_product_drop(bigint)": (APPLICATION,),
    "ingest_parts_build(bigint[])": (APPLICATION,),
    "ingest_parts_swap(bigint, bigint[])": (APPLICATION,),
    "ingest_parts_sweep()": (APPLICATION,),
}


# Leave partitions out: they are read through their parents and need no rights.
OUR_TABLES = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT relispartition AND relowner = current_user::regrole ORDER BY relname"""
LOGIN = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


class Policy(NamedTuple):
    """Row-level policy. rows: SQL condition for the rows that `verb` may use; new values of UPDATE are not checked."""

    table: str
    role: str
    verb: str
    rows: str


POLICIES = (
    Policy("ingest_ingestjob", APPLICATION, "ALL", "true"),
    Policy("ingest_ingestjob", READER, "SELECT", "true"),
    Policy("ingest_ingestjob", READER, "UPDATE", "state = 'running'"),
    Policy("ingest_scene", APPLICATION, "ALL", "true"),
    Policy("ingest_scene", READER, "SELECT", "true"),
    Policy("ingest_scene", READER, "INSERT", "true"),
    Policy("ingest_scene", READER, "UPDATE", "state IN ('refused', 'deleted')"),
    Policy("ingest_scene", READER, "DELETE", "state = 'refused'"),
)


def rights_settle() -> None:
    """Create the functions, and give every role but the owner exactly its rights. Runs as the owner."""
    owner, application, reader = (settings.DATABASE_ROLES[part] for part in ("owner", APPLICATION, READER))
    roles = {part: role for part, role in ((READER, reader), (APPLICATION, application)) if role != owner}
    if reader == application:
        roles.pop(READER, None)
    with transaction.atomic(), connection.cursor() as cursor:
        lock(Lock.RIGHTS)
        cursor.execute(CREATE_FUNCTIONS)
        if roles:
            cursor.execute(OUR_TABLES)
            tables = [name for (name,) in cursor.fetchall()]
            cursor.execute(sql.SQL(";").join(_grants(connection.settings_dict["NAME"], tables, roles)))
            for policy in POLICIES:
                if policy.role in roles and policy.table in tables:
                    _limit_rows(cursor, policy, roles[policy.role])


def _grants(database: str, tables: list[str], roles: dict[str, str]) -> Iterator[sql.Composable]:
    everybody = sql.SQL(", ").join(map(sql.Identifier, roles.values()))
    for kind, name, right in (("DATABASE", database, "CONNECT"), ("SCHEMA", "public", "USAGE")):
        named = sql.SQL(f"{kind} {{}}").format(sql.Identifier(name))
        yield sql.SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(named, everybody)
        yield sql.SQL(f"GRANT {right} ON {{}} TO {{}}").format(named, everybody)
    for function, parts in FUNCTIONS.items():
        yield sql.SQL(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC, {{}}").format(everybody)
        for part in parts:
            if part in roles:
                yield sql.SQL(f"GRANT EXECUTE ON FUNCTION {function} TO {{}}").format(sql.Identifier(roles[part]))
    for table in tables:
        yield sql.SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(sql.Identifier(table), everybody)
        rights = {APPLICATION: APPLICATION_TABLES.get(table, CHANGE), READER: READER_TABLES.get(table)}
        for part, role in roles.items():
            if rights[part]:
                names = (sql.Identifier(table), sql.Identifier(role))
                yield sql.SQL(f"GRANT {rights[part]} ON {{}} TO {{}}").format(*names)


def _limit_rows(cursor: CursorWrapper, policy: Policy, role: str) -> None:
    """Create a policy, but only if it is missing: creating one locks the table and waits for files being loaded."""
    name = f"{policy.role}_{policy.verb}".lower()
    cursor.execute("SELECT roles FROM pg_policies WHERE tablename = %s AND policyname = %s", [policy.table, name])
    known = cursor.fetchone()
    if known and known[0] == [role]:
        return
    test = "WITH CHECK" if policy.verb == "INSERT" else "USING"
    always = " WITH CHECK (true)" if policy.verb == "UPDATE" else ""
    cursor.execute(f"DROP POLICY IF EXISTS {name} ON {policy.table}")
    cursor.execute(
        sql.SQL(
            f"CREATE POLICY {name} ON {policy.table} FOR {policy.verb} TO {{}} {test} ({policy.rows}){always}"
        ).format(sql.Identifier(role))
    )
    cursor.execute(f"ALTER TABLE {policy.table} ENABLE ROW LEVEL SECURITY")


@contextmanager
def as_owner() -> Iterator[None]:
    """Connect as the owner of the tables until the block ends. Must not be used in a transaction."""
    used = {name: connection.settings_dict[name] for name in LOGIN}
    if used["USER"] == settings.DATABASE_ROLES["owner"]:
        yield
        return
    connection.close()
    connection.settings_dict.update({name: settings.DATABASE_OWNER.get(name, used[name]) for name in LOGIN})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(used)
