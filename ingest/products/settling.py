"""SQL that settles which products are versions of one another, which is current, and where an older one still answers.

The outcome depends on the set of products alone, not on the order in which they were loaded or deleted.
"""

from ingest.products.partitions import POINT_COLUMNS, POINTS, SERIES

SAME = "same/"  # A tile key that begins with this was made of points, because the files state no tile.
SAMPLED = 500  # Of a product, this many points are compared with another's.
MIN_SAME_SHARE = 0.9
SAME_WITHIN = 0.1  # Two points are the same place within this share of the usual spacing, or within a metre.
MIN_REST_SHARE, MIN_REST_POINTS = 0.01, 50  # A rest below both is not made: a few points at edges always differ.
# Body of the function that returns the share of a product's points, of a sample, that are points of another product.
SHARE_OF_SAME = f"""
    DECLARE n bigint; share double precision; BEGIN
    SELECT n_points INTO n FROM ingest_product WHERE id = own;
    EXECUTE $sql$
        WITH sampled AS MATERIALIZED (
            SELECT pid, tile_point, 1 / cos(radians(ST_Y(position))) AS metre FROM {POINTS}
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
        )::int) FROM sampled, reach$sql$
    INTO share USING own, other, (2 ^ greatest(0, floor(log(2, greatest(n, 1) / {SAMPLED}::numeric))))::int - 1;
    RETURN coalesce(share, 0); END"""  # noqa: S608

# members: all versions of a product, with withdrawn ones; standing: those that are not withdrawn, to be ordered.
_FIND_MEMBERS = f"""
    SELECT coalesce(array_agg(id), '{{}}') INTO members FROM ingest_product
    WHERE id = of_product OR of_tile <> ''
        AND (source_format, tile, component, simulated) = (of_format, of_tile, of_component, of_simulated);
    IF of_tile = '' OR starts_with(of_tile, '{SAME}') THEN
        FOR other, other_tile IN
            SELECT beside.id, beside.tile FROM ingest_product AS own JOIN ingest_product AS beside ON
                (beside.source_format, beside.component, beside.technique, beside.simulated)
                    = (own.source_format, own.component, own.technique, own.simulated)
                AND (beside.direction, beside.burst, beside.polarisation) = (own.direction, own.burst, own.polarisation)
                AND beside.track IS NOT DISTINCT FROM own.track AND beside.footprint && own.footprint
                AND (beside.tile = '' OR starts_with(beside.tile, '{SAME}'))
                AND beside.points_deleted_at IS NULL AND own.points_deleted_at IS NULL
                AND beside.withdrawn_at IS NULL AND own.withdrawn_at IS NULL
            WHERE own.id = of_product AND own.level <> 'derived' AND beside.level <> 'derived'
                AND NOT EXISTS (
                    SELECT FROM ingest_product_derived_from WHERE from_product_id IN (own.id, beside.id)
                )
        LOOP
            CONTINUE WHEN other = ANY (members);
            IF ingest_share_of_same(of_product, other) >= {MIN_SAME_SHARE}
                OR ingest_share_of_same(other, of_product) >= {MIN_SAME_SHARE} THEN
                members := members || ARRAY(
                    SELECT id FROM ingest_product WHERE id = other OR other_tile <> '' AND
                    (source_format, tile, component, simulated) = (of_format, other_tile, of_component, of_simulated)
                );
            END IF;
        END LOOP;
    END IF;
    SELECT coalesce(array_agg(id), '{{}}') INTO standing FROM ingest_product
    WHERE id = ANY (members) AND withdrawn_at IS NULL;
    IF of_tile = '' OR starts_with(of_tile, '{SAME}') THEN
        SELECT CASE WHEN count(*) > 1 THEN '{SAME}' || min(file_sha256) ELSE '' END INTO other_tile
        FROM ingest_product WHERE id = ANY (standing);
        UPDATE ingest_product SET tile = CASE WHEN id = ANY (standing) THEN other_tile ELSE '' END
        WHERE id = ANY (members);
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
            'superseded_by_id', NULL, 'derived_at', NULL, 'corrects_id', NULL, 'loaded_at', clock_timestamp(),
            'n_refused', 0, 'refused_reasons', '{{}}'::jsonb, 'refused_rows', '[]'::jsonb
        ));
        remnant.footprint := ST_Multi(ST_CollectionExtract(ground, 3));
        INSERT INTO ingest_product VALUES (remnant.*);
        INSERT INTO ingest_product_derived_from (from_product_id, to_product_id) VALUES (rest, older.id);
    END LOOP;
    UPDATE ingest_product AS over SET superseded_by_id = source.to_product_id
    FROM ingest_product_derived_from AS source
    WHERE source.from_product_id = over.id AND source.to_product_id = ANY (members)
        AND over.level <> 'derived' AND over.file_sha256 <> ALL (due);"""  # noqa: S608
# Loading and deleting hold this lock on the parent of all points already: releases are settled one after the other.
SETTLE = f"""
    DECLARE
        members bigint[]; standing bigint[]; other bigint; other_tile text;
        older ingest_product; remnant ingest_product; ground geometry; extent geometry;
        points bigint; content bigint; key text; due text[] := '{{}}'; rest bigint;
    BEGIN
    LOCK TABLE ONLY {POINTS} IN SHARE UPDATE EXCLUSIVE MODE;
    {_FIND_MEMBERS} {_ORDER} {_MAKE_RESTS} END"""
