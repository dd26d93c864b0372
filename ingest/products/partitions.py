"""SQL of the two partitioned tables: building a product's partitions apart, then attaching them.

A part is a pair of partitions, one of each table, for the same products. A loaded part has the number of its product; a
merged part gets a number from the same sequence (docs/decisions/0010).
"""

POINTS = "ingest_measurementpoint"
SERIES = "ingest_displacementseries"

_COLUMNS = {
    POINTS: """
    product_id bigint NOT NULL,
    pid text COLLATE "C" NOT NULL,
    velocity_mm_yr real NOT NULL,
    velocity_std_mm_yr real,
    height_m real,
    temporal_coherence real,
    rmse_mm real,
    los_east real,
    los_north real,
    los_up real,
    position geometry(Point, 4326) NOT NULL,
    tile_point geometry(Point, 3857) NOT NULL""",
    SERIES: """
    product_id bigint NOT NULL,
    pid text COLLATE "C" NOT NULL,
    packed bytea NOT NULL""",
}
CREATE_PARENTS = "".join(
    f"CREATE TABLE {table} ({columns}, PRIMARY KEY (product_id, pid)) PARTITION BY LIST (product_id);"
    for table, columns in _COLUMNS.items()
)
CREATE_PARENTS += f"CREATE INDEX {POINTS}_tile_point ON {POINTS} USING gist (tile_point);"

POINT_COLUMNS = (
    "pid, velocity_mm_yr, velocity_std_mm_yr, height_m, temporal_coherence, rmse_mm, "
    "los_east, los_north, los_up, position, tile_point"
)

MERGED = "merged"  # A merged part has this constraint until it is attached.
REST = "autovacuum_enabled = off"  # Autovacuum yields to waiting locks, but the exchange locks with NOWAIT.
# SQL of all parts: their numbers, about how many points they hold, and of which products.
PARTS = f"""
    SELECT substring(child.relname FROM '[0-9]+$')::bigint AS part, child.reltuples AS n_points,
           (SELECT array_agg(matched[1]::bigint)
            FROM regexp_matches(pg_get_expr(child.relpartbound, child.oid), '[0-9]+', 'g') AS matched) AS products
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = '{POINTS}'::regclass"""  # noqa: S608


def create_detached(product_id: int | str) -> str:
    """Return SQL that creates a product's two tables, not attached yet; the CHECK avoids a scan when attaching."""
    return "".join(
        f"CREATE TABLE {table}_p{product_id} ({columns},"
        f" CONSTRAINT whole_product CHECK (product_id = {product_id}));"
        f"ALTER TABLE {table}_p{product_id} ALTER product_id SET DEFAULT {product_id};"
        for table, columns in _COLUMNS.items()
    )


def create_merged(part: str, products: str) -> str:
    """Return SQL that creates two detached tables for several products. products: ids separated by commas."""
    return "".join(
        f"CREATE TABLE {table}_p{part} ({columns},"
        f" CONSTRAINT {MERGED} CHECK (product_id IN ({products}))) WITH ({REST});"
        for table, columns in _COLUMNS.items()
    )


def rest(part: str) -> str:
    """Return SQL that turns autovacuum off for a part to be replaced, and waits for a running autovacuum."""
    return "".join(f"ALTER TABLE {table}_p{part} SET ({REST});" for table in (POINTS, SERIES))


def attach_merged(part: str, products: str) -> str:
    """Return SQL that attaches the tables of a merged part as partitions and turns autovacuum on again."""
    return attach(part, products, MERGED) + "".join(
        f"ALTER TABLE {table}_p{part} RESET (autovacuum_enabled);" for table in (POINTS, SERIES)
    )


def copy(table: str, source: str, part: str, order: str = "") -> str:
    """Return SQL that copies all rows of one part's table into another part, in stored order or sorted by `order`."""
    columns = f"product_id, {POINT_COLUMNS if table == POINTS else 'pid, packed'}"
    return f"INSERT INTO {table}_p{part} ({columns}) SELECT {columns} FROM {table}_p{source} {order}"  # noqa: S608


def index(part: int | str) -> str:
    """Return SQL that gives filled tables the indexes of their parents and analyses them."""
    spatial = f"CREATE INDEX ON {POINTS}_p{part} USING gist (tile_point);"
    return spatial + "".join(
        f"ALTER TABLE {table}_p{part} ADD PRIMARY KEY (product_id, pid);ANALYZE {table}_p{part};"
        for table in (POINTS, SERIES)
    )


def attach(part: int | str, products: int | str, constraint: str = "whole_product") -> str:
    """Return SQL that attaches indexed tables as partitions. constraint: the tables' CHECK for these products."""
    return "".join(
        f"ALTER TABLE {table} ATTACH PARTITION {table}_p{part} FOR VALUES IN ({products});"
        f"ALTER TABLE {table}_p{part} DROP CONSTRAINT {constraint};"
        for table in (POINTS, SERIES)
    )


def drop(part: int | str) -> str:
    """Return SQL that removes a part with all its rows."""
    return "".join(f"DROP TABLE IF EXISTS {table}_p{part};" for table in (POINTS, SERIES))


def delete(part: str, product_id: str) -> str:
    """Return SQL that removes the rows of one product from a shared part."""
    return "".join(f"DELETE FROM {table}_p{part} WHERE product_id = {product_id};" for table in (POINTS, SERIES))  # noqa: S608
