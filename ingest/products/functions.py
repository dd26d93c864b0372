"""Functions of the database that make, attach and drop the tables of a product, with the rights of the tables' owner.

Nobody who loads a file owns a table. Whoever begins a product may put rows into its two tables until they are attached,
which happens in the same transaction; after that nobody may, and the tables of another product are out of reach.
"""

from typing import Any

from django.db import connection

from ingest.products import partitions, pyramid, sampling
from ingest.products.partitions import POINTS, SERIES

_BOTH_TABLES = f"{POINTS}_pPRODUCT, {SERIES}_pPRODUCT"
_ONLY_WHO_BEGAN = f"""
    IF NOT has_table_privilege(session_user, '{POINTS}_p' || product, 'INSERT') THEN
        RAISE EXCEPTION 'product % was begun by somebody else', product USING ERRCODE = 'insufficient_privilege';
    END IF;"""
_SETTLE = """
    UPDATE ingest_product AS release SET superseded_by_id = ordered.following
    FROM (
        SELECT id, lead(id) OVER (
            ORDER BY release COLLATE "C", has_series, dates[array_upper(dates, 1)], id
        ) AS following
        FROM ingest_product
        WHERE (source_format, tile, component, simulated) = (of_format, of_tile, of_component, of_simulated)
    ) AS ordered
    WHERE release.id = ordered.id AND release.superseded_by_id IS DISTINCT FROM ordered.following;"""


def _function(head: str, body: str) -> str:
    """One that runs as its owner; nothing that a caller made is found by its names."""
    return (
        f"CREATE OR REPLACE FUNCTION {head} LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $function$ {body} $function$;"
    )


def _of_product(*statements: str) -> str:
    """Statements about a product; PRODUCT stands for its number, CALLER for the role that is signed in."""
    sql = "".join(statements)
    return f"EXECUTE replace(replace($sql${sql}$sql$, 'PRODUCT', product::text), 'CALLER', quote_ident(session_user));"


def _for_others(statement: str) -> str:
    """A statement about the rights of a caller who is not the owner."""
    return f"IF session_user <> current_user THEN {_of_product(statement)} END IF;"


CREATE_FUNCTIONS = "".join(
    (
        _function(
            "ingest_product_begin() RETURNS bigint",
            "DECLARE product bigint := nextval(pg_get_serial_sequence('ingest_product', 'id')); BEGIN "
            + _of_product(partitions.create_detached("PRODUCT"))
            + _for_others(f"GRANT INSERT ON {_BOTH_TABLES} TO CALLER;")
            + " RETURN product; END",
        ),
        _function(
            "ingest_product_attach(product bigint, points bigint) RETURNS void",
            f"BEGIN {_ONLY_WHO_BEGAN} "
            + _for_others(f"REVOKE INSERT ON {_BOTH_TABLES} FROM CALLER;")
            + _of_product(partitions.index_and_attach("PRODUCT"), pyramid.build("PRODUCT"))
            + "".join(
                f"IF points > {least} THEN {_of_product(sampling.create_index('PRODUCT', share))} END IF;"
                for share, least in sampling.LEAST_POINTS.items()
            )
            + " END",
        ),
        _function(
            "ingest_product_drop(product bigint) RETURNS void",
            "BEGIN " + _of_product(partitions.drop("PRODUCT"), pyramid.drop("PRODUCT")) + " END",
        ),
        _function(
            "ingest_releases_settle(of_format text, of_tile text, of_component text, of_simulated boolean)"
            " RETURNS void",
            f"BEGIN {_SETTLE} END",
        ),
    )
)


def product_begin() -> int:
    """Make the tables of a new product and return its number. For use in a transaction."""
    return _call("ingest_product_begin")


def product_attach(product_id: int, n_points: int) -> None:
    """Index the filled tables, make them partitions and average them; an id that appears twice is an IntegrityError."""
    _call("ingest_product_attach", product_id, n_points)


def product_drop(product_id: int) -> None:
    """Remove a product's tables and its pyramid with all their rows."""
    _call("ingest_product_drop", product_id)


def releases_order(source_format: str, tile: str, component: str, simulated: bool) -> None:
    """Let every release of a tile point at the next: by name, having series, last image, and that it came later."""
    _call("ingest_releases_settle", source_format, tile, component, simulated)


def _call(name: str, *arguments: object) -> Any:
    with connection.cursor() as cursor:
        cursor.callproc(name, arguments)
        return cursor.fetchone()[0]
