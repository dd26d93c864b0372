"""SQL that settles which products are versions of each other, which is current, and where an older one still counts."""

from ingest.products.partitions import POINT_COLUMNS, POINTS, SERIES

# What versions of one another agree in; they have one tile, or points at the same places of the same track.
VERSIONS = ("source_format", "component", "simulated")
VERSIONS_BY_POINTS = (*VERSIONS, "technique", "direction", "burst", "polarisation")
SAME = "same/"  # A tile key that begins with this was made of points, because the files state no tile.
SAMPLED = 500  # Number of a product's points that are compared with another product.
MIN_SAME_SHARE = 0.9
SAME_WITHIN = 0.1  # Two points are the same place within this share of the usual spacing, or within a metre.
SAME_LOS_WITHIN = 0.02  # Unit vectors of one track are as near, also where its direction is not stated; about 1 degree.
MIN_REST_SHARE, MIN_REST_POINTS = 0.01, 50  # A smaller rest is not stored, because a few points at edges always differ.
# Body of the function that returns whether most points of a sample of one product are points of the other. Deleted
# points cannot be compared: such a product stays with its versions.
IS_SAME = f"""
    DECLARE share double precision; pair record; BEGIN
    FOR pair IN
        SELECT one.id AS sampled, beside.id AS beside, greatest(one.n_points, 1) AS n,
            one.tile <> '' AND one.tile = beside.tile
                AND (one.points_deleted_at, beside.points_deleted_at) IS DISTINCT FROM (NULL, NULL) AS stays
        FROM ingest_product AS one, ingest_product AS beside
        WHERE (one.id, beside.id) IN ((own, other), (other, own))
    LOOP
        EXECUTE $sql$
            WITH sampled AS MATERIALIZED (
                SELECT pid, tile_point, los_east, los_up, 1 / cos(radians(ST_Y(position))) AS metre FROM {POINTS}
                WHERE product_id = $1 AND hashtext(pid) & $3 = 0 ORDER BY hashtext(pid), pid LIMIT {SAMPLED}
            ), reach AS (
                SELECT greatest(
                    max(metre), {SAME_WITHIN} * percentile_cont(0.5) WITHIN GROUP (ORDER BY nearest.distance)
                ) AS distance
                FROM sampled LEFT JOIN LATERAL (
                    SELECT neighbour.tile_point <-> sampled.tile_point AS distance FROM {POINTS} AS neighbour
                    WHERE neighbour.product_id = $1 AND neighbour.pid <> sampled.pid
                    ORDER BY neighbour.tile_point <-> sampled.tile_point LIMIT 1
                ) AS nearest ON true
            )
            SELECT avg(EXISTS (
                SELECT FROM {POINTS} AS there
                WHERE there.product_id = $2 AND ST_DWithin(there.tile_point, sampled.tile_point, reach.distance)
                    AND abs(coalesce(there.los_east, 0) - coalesce(sampled.los_east, 0)) < {SAME_LOS_WITHIN}
                    AND abs(coalesce(there.los_up, 0) - coalesce(sampled.los_up, 0)) < {SAME_LOS_WITHIN}
            )::int) FROM sampled, reach$sql$
        INTO share USING pair.sampled, pair.beside,
            (2 ^ greatest(0, floor(log(2, pair.n / {SAMPLED}::numeric))))::int - 1;
        IF pair.stays OR share >= {MIN_SAME_SHARE} THEN RETURN true; END IF;
    END LOOP;
    RETURN false; END"""  # noqa: S608


def _columns(names: tuple[str, ...], table: str = "") -> str:
    return ", ".join(f"{table}{name}" for name in names)


# members: versions of a product, with withdrawn ones, and all products beside it that may be versions, with theirs.
_FIND_MEMBERS = f"""
    SELECT coalesce(array_agg(id), '{{}}') INTO members FROM ingest_product AS version
    WHERE id = of_product OR ({_columns(VERSIONS)}) = (of_format, of_component, of_simulated) AND (
        of_tile <> '' AND tile = of_tile OR by_points AND (tile = '' OR starts_with(tile, '{SAME}')) AND EXISTS (
            SELECT FROM ingest_product AS own JOIN ingest_product AS beside ON
                ({_columns(VERSIONS_BY_POINTS, "beside.")}) = ({_columns(VERSIONS_BY_POINTS, "own.")})
                AND beside.track IS NOT DISTINCT FROM own.track AND beside.footprint && own.footprint
            WHERE own.id = of_product AND own.withdrawn_at IS NULL AND beside.withdrawn_at IS NULL
                AND 'derived' NOT IN (own.level, beside.level) AND NOT own.is_rest AND NOT beside.is_rest
                AND (beside.id = version.id OR beside.tile <> '' AND beside.tile = version.tile)
        )
    );
    UPDATE ingest_product SET tile = '' WHERE by_points AND id = ANY (members) AND withdrawn_at IS NOT NULL;
    SELECT coalesce(array_agg(id ORDER BY id), '{{}}') INTO remaining FROM ingest_product
    WHERE id = ANY (members) AND withdrawn_at IS NULL;"""  # noqa: S608
# standing: versions to be ordered. Without a tile, these are products with the same points, withdrawn ones left out.
_NEXT_VERSIONS = f"""
    standing := CASE WHEN by_points THEN remaining[:1] ELSE remaining END;
    LOOP
        SELECT id INTO other FROM unnest(remaining) AS id
        WHERE id <> ALL (standing) AND EXISTS (SELECT FROM unnest(standing) AS known WHERE ingest_is_same(id, known));
        EXIT WHEN NOT FOUND;
        standing := standing || other;
    END LOOP;
    remaining := ARRAY(SELECT id FROM unnest(remaining) AS id WHERE id <> ALL (standing));
    IF by_points THEN
        UPDATE ingest_product SET tile = CASE WHEN cardinality(standing) = 1 THEN '' ELSE '{SAME}' || (
            SELECT min(file_sha256) FROM ingest_product WHERE id = ANY (standing)
        ) END WHERE id = ANY (standing);
    END IF;"""  # noqa: S608
# A corrected version keeps the turn of the first one; the event tells it where the row of an earlier one is deleted.
_ORDER = """
    WITH RECURSIVE corrected AS (
        SELECT id AS after, corrects_id AS before FROM ingest_product WHERE corrects_id IS NOT NULL
        UNION SELECT other_id, product_id FROM ingest_productevent WHERE act = 'corrected'
    ), earlier AS (
        SELECT one AS standing_id, one AS id FROM unnest(standing) AS one
        UNION SELECT standing_id, before FROM earlier JOIN corrected ON after = id
    )
    UPDATE ingest_product AS one
    SET superseded_by_id = ordered.following, newer_releases = ordered.newer
    FROM (
        SELECT id, lead(id) OVER in_turn AS following, count(*) OVER () - row_number() OVER in_turn AS newer
        FROM ingest_product
        JOIN (SELECT standing_id, min(id) AS turn FROM earlier GROUP BY standing_id) AS first ON standing_id = id
        WINDOW in_turn AS (ORDER BY release COLLATE "C", has_series, dates[array_upper(dates, 1)], turn, id)
    ) AS ordered
    WHERE one.id = ordered.id
        AND (superseded_by_id, newer_releases) IS DISTINCT FROM (ordered.following, ordered.newer::int);"""
# A rest's key is made of its release, its declarations and its points, so that it stays while these stay.
_MAKE_RESTS = f"""
    FOR older IN
        SELECT * FROM ingest_product
        WHERE id = ANY (standing) AND newer_releases > 0 AND points_deleted_at IS NULL ORDER BY newer_releases
    LOOP
        SELECT ST_Union(footprint ORDER BY file_sha256) INTO ground FROM ingest_product
        WHERE id = ANY (standing) AND newer_releases < older.newer_releases;
        CONTINUE WHEN ST_Covers(ground, older.footprint);
        SELECT count(*), bit_xor(hashtextextended(pid, 0)),
                ST_SetSRID(ST_Extent(position)::geometry, 4326)
            INTO points, content, extent FROM {POINTS}
            WHERE product_id = older.id AND NOT ST_Intersects(position, ground);
        CONTINUE WHEN points < least({MIN_REST_POINTS}, greatest(1, {MIN_REST_SHARE} * older.n_points));
        key := format('rest %s %s %s', older.file_sha256, points, content)
            || format(' %s %s %s %s', older.track, older.direction, older.dates, older.header -> 'declared');
        key := encode(sha256(convert_to(key, 'UTF8')), 'hex');
        due := due || key;
        UPDATE ingest_product SET superseded_by_id = NULL
        WHERE (file_sha256, component) = (key, older.component) AND withdrawn_at IS NULL;
        CONTINUE WHEN FOUND;
        rest := ingest_product_begin();
        EXECUTE format(
            'INSERT INTO {POINTS}_p%s ({POINT_COLUMNS}) SELECT {POINT_COLUMNS} FROM {POINTS}
            WHERE product_id = $1 AND NOT ST_Intersects(position, $2)', rest
        ) USING older.id, ground;
        EXECUTE format(
            'INSERT INTO {SERIES}_p%s (pid, packed) SELECT pid, packed FROM {SERIES}
            WHERE product_id = $1 AND pid IN (SELECT pid FROM {POINTS}_p%s)', rest, rest
        ) USING older.id;
        PERFORM ingest_product_attach(rest, points);
        ground := ST_Intersection(ST_Difference(older.footprint, ground), ST_Expand(extent, 1e-6));
        remnant := jsonb_populate_record(older, jsonb_build_object(
            'id', rest, 'tile', '', 'file_sha256', key, 'n_points', points, 'newer_releases', 0,
            'is_rest', true, 'superseded_by_id', NULL, 'derived_at', NULL, 'corrects_id', NULL, 'n_refused', 0,
            'loaded_at', clock_timestamp(), 'refused_reasons', '{{}}'::jsonb, 'refused_rows', '[]'::jsonb
        ));
        remnant.footprint := ST_Multi(ST_CollectionExtract(ground, 3));
        INSERT INTO ingest_product VALUES (remnant.*);
        INSERT INTO ingest_product_derived_from (from_product_id, to_product_id) VALUES (rest, older.id);
    END LOOP;"""  # noqa: S608
_END_RESTS = """
    UPDATE ingest_product AS over SET superseded_by_id = source.to_product_id
    FROM ingest_product_derived_from AS source
    WHERE source.from_product_id = over.id AND source.to_product_id = ANY (members)
        AND over.is_rest AND over.file_sha256 <> ALL (due);"""
# Loading and deleting hold this lock on the parent of all points already: releases are settled one after the other.
SETTLE = f"""
    DECLARE
        by_points boolean := of_tile = '' OR starts_with(of_tile, '{SAME}');
        members bigint[]; remaining bigint[]; standing bigint[]; other bigint;
        older ingest_product; remnant ingest_product; ground geometry; extent geometry;
        points bigint; content bigint; key text; due text[] := '{{}}'; rest bigint;
    BEGIN
    LOCK TABLE ONLY {POINTS} IN SHARE UPDATE EXCLUSIVE MODE;
    {_FIND_MEMBERS}
    WHILE remaining <> '{{}}' LOOP {_NEXT_VERSIONS} {_ORDER} {_MAKE_RESTS} END LOOP;
    {_END_RESTS} END"""
