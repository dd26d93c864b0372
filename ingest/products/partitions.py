"""SQL of the two partitioned tables: building a product's partitions apart, then attaching them."""

POINTS = "ingest_measurementpoint"
SERIES = "ingest_displacementseries"

CREATE_PARENTS = f"""
CREATE TABLE {POINTS} (
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
    tile_point geometry(Point, 3857) NOT NULL,
    PRIMARY KEY (product_id, pid)
) PARTITION BY LIST (product_id);
CREATE INDEX {POINTS}_tile_point ON {POINTS} USING gist (tile_point);
CREATE TABLE {SERIES} (
    product_id bigint NOT NULL,
    pid text COLLATE "C" NOT NULL,
    packed bytea NOT NULL,
    PRIMARY KEY (product_id, pid)
) PARTITION BY LIST (product_id);
"""

POINT_COLUMNS = (
    "pid, velocity_mm_yr, velocity_std_mm_yr, height_m, temporal_coherence, rmse_mm, "
    "los_east, los_north, los_up, position, tile_point"
)


def create_detached(product_id: int | str) -> str:
    """Two tables shaped like the parents, with nobody looking; the CHECK spares the scan when they are attached."""
    return "".join(
        f"CREATE TABLE {table}_p{product_id} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
        f"ALTER TABLE {table}_p{product_id} ALTER product_id SET DEFAULT {product_id},"
        f" ADD CONSTRAINT whole_product CHECK (product_id = {product_id});"
        for table in (POINTS, SERIES)
    )


def index_and_attach(product_id: int | str) -> str:
    """Index the filled tables and make them partitions."""
    spatial = f"CREATE INDEX ON {POINTS}_p{product_id} USING gist (tile_point);"
    return spatial + "".join(
        f"ALTER TABLE {table}_p{product_id} ADD PRIMARY KEY (product_id, pid);"
        f"ALTER TABLE {table} ATTACH PARTITION {table}_p{product_id} FOR VALUES IN ({product_id});"
        f"ALTER TABLE {table}_p{product_id} DROP CONSTRAINT whole_product;"
        f"ANALYZE {table}_p{product_id};"
        for table in (POINTS, SERIES)
    )


def drop(product_id: int | str) -> str:
    """Remove a product's partitions with all their rows."""
    return "".join(f"DROP TABLE IF EXISTS {table}_p{product_id};" for table in (POINTS, SERIES))
