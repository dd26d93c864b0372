"""Database functions that make, attach and drop the tables of a product with the rights of the tables' owner.

Roles that load files own no tables. A role that begins a product may insert rows into its two tables until they are
attached in the same transaction, and never into the tables of another product. Parts are merged by number: no text from
a caller becomes a name or SQL.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection

from ground_motion.statistics.datum import ANCHORS, Source
from ingest.foundation.locks import Lock
from ingest.models.products import DERIVED
from ingest.products import partitions, pyramid, sampling, settling
from ingest.products.partitions import POINTS, SERIES

_BOTH_TABLES = f"{POINTS}_pPRODUCT, {SERIES}_pPRODUCT"
_ONLY_WHO_BEGAN = f"""
    IF NOT has_table_privilege(session_user, '{POINTS}_p' || product, 'INSERT') THEN
        RAISE EXCEPTION 'product % was begun by somebody else', product USING ERRCODE = 'insufficient_privilege';
    END IF;"""
# A process that may not change products seals only those that its running job corrects. Products derived from a sealed
# one are sealed as well, and derived again from what is left.
_SEAL = f"""
    DECLARE ground geometry; n bigint; BEGIN
    IF NOT has_table_privilege(session_user, 'ingest_product', 'UPDATE') THEN
        IF NOT EXISTS (
            SELECT FROM ingest_ingestjob AS job JOIN ingest_product AS given ON given.id = job.corrects_id
            JOIN ingest_product AS known USING (file_sha256) WHERE job.state = 'running' AND known.id = product
        ) THEN
            RAISE EXCEPTION 'no job corrects product %', product USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    LOCK TABLE ONLY {POINTS} IN SHARE UPDATE EXCLUSIVE MODE;
    UPDATE ingest_product SET withdrawn_at = now() WHERE id = product AND withdrawn_at IS NULL
        RETURNING footprint INTO ground;
    GET DIAGNOSTICS n = ROW_COUNT;
    WITH RECURSIVE made AS (
        SELECT from_product_id AS id FROM ingest_product_derived_from WHERE to_product_id = product
        UNION SELECT from_product_id FROM ingest_product_derived_from JOIN made ON to_product_id = made.id
    ), sealed AS (
        UPDATE ingest_product SET withdrawn_at = now() WHERE withdrawn_at IS NULL AND id IN (SELECT id FROM made)
        RETURNING file_sha256
    ) DELETE FROM ingest_derivedtile WHERE key IN (SELECT file_sha256 FROM sealed);
    UPDATE ingest_product SET derived_at = NULL WHERE withdrawn_at IS NULL AND ST_Intersects(footprint, ground);
    UPDATE ingest_product SET datum_at = NULL WHERE datum_source = '{Source.OVERLAP}' AND footprint && ground;
    RETURN n; END"""  # noqa: S608
_UNSEAL = f"""
    BEGIN
    LOCK TABLE ONLY {POINTS} IN SHARE UPDATE EXCLUSIVE MODE;
    UPDATE ingest_product SET withdrawn_at = NULL, derived_at = NULL, datum_at = NULL WHERE id = product; END"""  # noqa: S608
_OUTSIDE = f"'{{{','.join(source for source in Source if source.is_outside)}}}'::text[]"
# Rests of a release share its datum. Products that have no datum of their own take it from one that has, and are due
# again when that is new. A process that may not change products settles only those whose tables its transaction has
# made, and so has locked. Others are solved without a lock. Merging waits while their points are rewritten; loads wait
# for the rows only. A row that changed since it was solved (its xmin) is not overwritten: the product stays due.
# Wide motion counts only against a zero that something outside confirms, so that a search is due again with either.
_DATUM = f"""
    DECLARE known ingest_product; held bigint; done bigint[] := '{{}}'; moved boolean; searched boolean; BEGIN
    SELECT * INTO known FROM ingest_product WHERE id = product;
    moved := mm_yr <> known.datum_mm_yr;
    searched := NOT moved;
    IF NOT EXISTS (
        SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'
            AND relation = to_regclass('{POINTS}_p' || product)
    ) THEN
        IF NOT has_table_privilege(session_user, 'ingest_product', 'UPDATE') THEN
            RAISE EXCEPTION 'product % was loaded by somebody else', product USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF moved THEN PERFORM pg_advisory_xact_lock({Lock.PARTS:d}); END IF;
        searched := NOT moved AND (source = ANY ({_OUTSIDE})) = (known.datum_source = ANY ({_OUTSIDE}));
    END IF;
    FOR round IN 1..2 LOOP
        IF round = 2 THEN LOCK TABLE ONLY {POINTS} IN SHARE UPDATE EXCLUSIVE MODE; END IF;
        FOR held IN
            SELECT product UNION ALL SELECT from_product_id FROM ingest_product_derived_from
            JOIN ingest_product AS rest ON rest.id = from_product_id
            WHERE to_product_id = product AND rest.level <> '{DERIVED}'
        LOOP
            CONTINUE WHEN held = ANY (done);
            done := done || held;
            CONTINUE WHEN NOT moved;
            UPDATE {POINTS} SET velocity_mm_yr = velocity_mm_yr + (known.datum_mm_yr - mm_yr) WHERE product_id = held;
            UPDATE {pyramid.TABLE} SET velocity_mm_yr = velocity_mm_yr + (known.datum_mm_yr - mm_yr)
            WHERE product_id = held;
        END LOOP;
    END LOOP;
    PERFORM FROM ingest_product WHERE id = product AND xmin = seen::xid FOR UPDATE;
    IF NOT FOUND THEN RAISE serialization_failure; END IF;
    UPDATE ingest_product SET
        datum_mm_yr = mm_yr, datum_sigma_mm_yr = sigma, datum_source = source, datum_n = n, datum_share = share,
        datum_at = clock_timestamp(), derived_at = CASE WHEN moved THEN NULL ELSE derived_at END,
        datum_moved_at = CASE WHEN searched THEN datum_moved_at ELSE clock_timestamp() END
    WHERE id = ANY (done);
    IF known.level <> '{DERIVED}' AND source = ANY ('{{{",".join(ANCHORS)}}}') AND (known.datum_at IS NULL OR
        (known.datum_mm_yr, known.datum_sigma_mm_yr, known.datum_source) IS DISTINCT FROM (mm_yr, sigma, source)) THEN
        UPDATE ingest_product SET datum_at = NULL
        WHERE id <> product AND footprint && known.footprint AND level <> '{DERIVED}'
            AND datum_source NOT IN ('{"', '".join(ANCHORS)}') AND simulated = known.simulated;
    END IF;
    RETURN moved;
    EXCEPTION WHEN serialization_failure THEN RETURN false; END"""  # noqa: S608
LOCK_MS = 1000  # Readers wait at most so long behind a waiting exchange.
_MEMBERS = f"""
    (SELECT string_agg(id::text, ', ' ORDER BY id) FROM ingest_product WHERE points_deleted_at IS NULL AND id IN
        (SELECT unnest(known.products) FROM ({partitions.PARTS}) AS known WHERE known.part = ANY (parts)))"""  # noqa: S608
_SWEEP = f"""
    DECLARE orphan regclass; n bigint := 0; BEGIN
    FOR orphan IN
        SELECT conrelid FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE conname = '{partitions.MERGED}' AND contype = 'c' AND NOT relispartition
          AND relname ~ '^({POINTS}|{SERIES})_p[0-9]+$' AND relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('DROP TABLE %s', orphan);
        n := n + 1;
    END LOOP;
    RETURN n; END"""  # noqa: S608


def _function(head: str, body: str, options: str = "") -> str:
    """Return SQL that creates a function with its owner's rights; names that a caller created are not found in it."""
    return (
        f"CREATE OR REPLACE FUNCTION {head} LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = public, pg_temp {options} AS $function$ {body} $function$;"
    )


def _fill_in(sql: str, **variables: str) -> str:
    """Return a plpgsql statement that executes `sql` with each NAME replaced by the value of its SQL expression."""
    expression = f"$sql${sql}$sql$"
    for name, value in variables.items():
        expression = f"replace({expression}, '{name}', {value})"
    return f"EXECUTE {expression};"


def _product_statement(*statements: str) -> str:
    """Return a plpgsql statement for SQL with PRODUCT (the product's number) and CALLER (the caller's role)."""
    return _fill_in("".join(statements), PRODUCT="product::text", CALLER="quote_ident(session_user)")


def _unless_owner(statement: str) -> str:
    return f"IF session_user <> current_user THEN {_product_statement(statement)} END IF;"


def _part_statement(sql: str) -> str:
    """Return a plpgsql statement for SQL with MERGED, SOURCE and PRODUCT (numbers) and MEMBERS (products' ids)."""
    variables = {"MERGED": "merged::text", "SOURCE": "source::text", "MEMBERS": "members", "PRODUCT": "product::text"}
    return _fill_in(sql, **{name: value for name, value in variables.items() if name in sql})


def _samples(part: str, of: Callable[[str], str]) -> str:
    return "".join(
        f"IF points > {least} THEN {of(sampling.create_index(part, share))} END IF;"
        for share, least in sampling.MIN_POINTS.items()
    )


# Points of a product in a merged part are ordered by a Hilbert curve, and none are added later. Sorting by point alone
# takes a quarter of the time of sorting by product and point.
_COPY = f"""
    IF (SELECT cardinality(products) FROM ({partitions.PARTS}) AS known WHERE part = source) > 1
        THEN {_part_statement(partitions.copy(POINTS, "SOURCE", "MERGED"))}
        ELSE {_part_statement(partitions.copy(POINTS, "SOURCE", "MERGED", "ORDER BY tile_point"))} END IF;
    GET DIAGNOSTICS copied = ROW_COUNT; points := points + copied;
    {_part_statement(partitions.copy(SERIES, "SOURCE", "MERGED"))}"""  # noqa: S608
_DROP = f"""
    DECLARE source bigint; beside bigint[]; others boolean; BEGIN
    PERFORM pg_advisory_xact_lock({Lock.PARTS:d});
    SELECT part, products INTO source, beside FROM ({partitions.PARTS}) AS known WHERE product = ANY (products);
    IF cardinality(beside) > 1 THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM {POINTS}_p%s WHERE product_id <> %s)', source, product) INTO others;
    END IF;
    IF others THEN {_part_statement(partitions.delete("SOURCE", "PRODUCT"))}
    ELSIF source IS NOT NULL THEN {_part_statement(partitions.drop("SOURCE"))} END IF;
    {_product_statement(pyramid.drop("PRODUCT"))} END"""  # noqa: S608
_BUILD = f"""
    DECLARE merged bigint; members text := {_MEMBERS}; source bigint; points bigint := 0; copied bigint; BEGIN
    IF members IS NULL THEN
        RAISE EXCEPTION 'the parts % hold no points', parts USING ERRCODE = 'no_data_found';
    END IF;
    merged := nextval(pg_get_serial_sequence('ingest_product', 'id'));
    {_part_statement(partitions.create_merged("MERGED", "MEMBERS"))}
    FOREACH source IN ARRAY parts LOOP
        {_part_statement(partitions.rest("SOURCE"))}
        {_COPY}
    END LOOP;
    {_part_statement(partitions.index("MERGED"))} {_samples("MERGED", _part_statement)}
    RETURN merged; END"""
# The exchange holds no lock while it waits for its first one, so that it and a reader never wait for each other.
_SWAP = f"""
    DECLARE members text := {_MEMBERS}; built text; tables text; BEGIN
    SELECT string_agg(matched[1], ', ' ORDER BY matched[1]::bigint) INTO built
    FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), '[0-9]+', 'g') AS matched
    WHERE conrelid = to_regclass('{POINTS}_p' || merged) AND conname = '{partitions.MERGED}';
    IF built IS NULL OR built IS DISTINCT FROM members
        OR cardinality(parts) <> (SELECT count(*) FROM ({partitions.PARTS}) AS known WHERE part = ANY (parts)) THEN
        RAISE EXCEPTION 'part % does not hold what the parts % hold', merged, parts
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    LOCK TABLE ONLY {POINTS} IN ACCESS EXCLUSIVE MODE;
    LOCK TABLE ONLY {SERIES} IN ACCESS EXCLUSIVE MODE NOWAIT;
    SELECT string_agg(format('{POINTS}_p%s, {SERIES}_p%s', source, source), ', ') INTO tables
    FROM unnest(parts) AS source;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT; DROP TABLE %s;', tables, tables);
    {_part_statement(partitions.attach_merged("MERGED", "MEMBERS"))} END"""  # noqa: S608

CREATE_FUNCTIONS = "".join(
    (
        _function(
            "ingest_product_begin() RETURNS bigint",
            "DECLARE product bigint := nextval(pg_get_serial_sequence('ingest_product', 'id')); BEGIN "
            + _product_statement(partitions.create_detached("PRODUCT"))
            + _unless_owner(f"GRANT INSERT ON {_BOTH_TABLES} TO CALLER;")
            + " RETURN product; END",
        ),
        _function(
            "ingest_product_attach(product bigint, points bigint) RETURNS void",
            f"BEGIN {_ONLY_WHO_BEGAN} "
            + _unless_owner(f"REVOKE INSERT ON {_BOTH_TABLES} FROM CALLER;")
            + _product_statement(partitions.index("PRODUCT"), pyramid.build("PRODUCT"))
            + _samples("PRODUCT", _product_statement)
            # Attaching comes last, for it locks the parents.
            + _product_statement(partitions.attach("PRODUCT", "PRODUCT"))
            + " END",
        ),
        _function("ingest_product_seal(product bigint) RETURNS bigint", _SEAL),
        _function("ingest_product_unseal(product bigint) RETURNS void", _UNSEAL),
        _function(
            "ingest_datum_set(product bigint, seen text, mm_yr float8, sigma float8, source text, n int, share float8)"
            " RETURNS boolean",
            _DATUM,
        ),
        _function("ingest_product_drop(product bigint) RETURNS void", _DROP),
        _function(
            "ingest_parts_build(parts bigint[]) RETURNS bigint",
            _BUILD,
            "SET work_mem = '128MB' SET maintenance_work_mem = '256MB' SET synchronize_seqscans = off",
        ),
        _function(
            "ingest_parts_swap(merged bigint, parts bigint[]) RETURNS void", _SWAP, f"SET lock_timeout = '{LOCK_MS}ms'"
        ),
        _function("ingest_parts_sweep() RETURNS bigint", _SWEEP),
        _function("ingest_is_same(own bigint, other bigint) RETURNS boolean", settling.IS_SAME),
        _function(
            "ingest_releases_settle(of_product bigint, of_format text, of_tile text, of_component text,"
            " of_simulated boolean) RETURNS void",
            settling.SETTLE,
        ),
    )
)


def _call(name: str, *arguments: object) -> Any:
    with connection.cursor() as cursor:
        cursor.callproc(name, arguments)
        return cursor.fetchone()[0]


# Create the tables of a new product and return the product's number. For use in a transaction.
product_begin: Callable[[], int] = partial(_call, "ingest_product_begin")
# Index a product's filled tables of n points, attach them and fill the pyramid. IntegrityError for a repeated point id.
product_attach: Callable[[int, int], None] = partial(_call, "ingest_product_attach")
# Delete a product's points, series and pyramid. Waits, without locking a table, while parts are merged.
product_drop: Callable[[int], None] = partial(_call, "ingest_product_drop")
# Withdraw a product and what was derived from it; return 0 if it is withdrawn already.
product_seal: Callable[[int], int] = partial(_call, "ingest_product_seal")
# Undo the seal of a product, but not of what was derived from it.
product_unseal: Callable[[int], None] = partial(_call, "ingest_product_unseal")
# Store a product's datum (mm/yr, its sigma, source, n and share), and its points against that; return whether it moved.
# Nothing is stored if the product's row is no longer the version (its xmin) for which the datum was solved.
datum_set: Callable[[int, str, float, float, str, int, float], bool] = partial(_call, "ingest_datum_set")
# Copy parts into a new, detached and indexed part; return its number. Commit before `parts_swap`.
parts_build: Callable[[list[int]], int] = partial(_call, "ingest_parts_build")
# Replace the source parts by the merged part. OperationalError if readers would wait longer than a second.
parts_swap: Callable[[int, list[int]], None] = partial(_call, "ingest_parts_swap")
# Drop the tables of merged parts that were never attached; return the number of tables.
parts_sweep: Callable[[], int] = partial(_call, "ingest_parts_sweep")
# Settle the releases of a product's tile, or of its places if it has no tile (`ingest.products.settling`). Arguments:
# the product, which may be deleted, its format, tile and component, and whether it is simulated.
releases_order: Callable[[int, str, str, str, bool], None] = partial(_call, "ingest_releases_settle")
