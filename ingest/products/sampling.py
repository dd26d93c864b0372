"""Even, reproducible samples of a product's points that are read quickly however large the product is.

A hash of its id decides which samples a point belongs to: one of `share` points belongs to the sample of that share;
sparse samples are parts of denser ones. Each sample of a large product has its own spatial index.
"""

from ingest.products.partitions import POINTS

SHARES = (4, 16, 64, 256, 1024, 4096)
LEAST_POINTS = {share: 1000 * share for share in SHARES}  # samples of fewer than a thousand points are not used
ORDER = "hashtext(pid), pid"


def condition(share: int) -> str:
    """Return the SQL condition that selects the sample of one point in `share`. share: 1 or one of SHARES."""
    return "true" if share == 1 else f"hashtext(pid) & {share - 1:d} = 0"


def share_leaving(*, n_points: int, most: int) -> int:
    """Return the least share whose sample is expected to hold at most `most` points, or the greatest in SHARES."""
    return next((share for share in (1, *SHARES) if n_points <= most * share), SHARES[-1])


def create_index(product_id: int | str, share: int) -> str:
    """Return SQL that creates the spatial index of the sample of one point in `share`."""
    return (
        f"CREATE INDEX {POINTS}_p{product_id}_sample_{share:d} ON {POINTS}_p{product_id} USING gist (tile_point)"
        f" WHERE {condition(share)};"
    )
