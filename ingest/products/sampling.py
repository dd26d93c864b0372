"""Even, reproducible samples of a product's points that are cheap to read for any size of product.

A hash of a point's id decides on its samples: one of `share` points belongs to a sample, and the points of a sparse
sample belong to every denser one. Each sample of a large product has its own spatial index.
"""

from ingest.products.partitions import POINTS

SHARES = (4, 16, 64, 256, 1024, 4096)
LEAST_POINTS = {share: 1000 * share for share in SHARES}  # samples of fewer than a thousand points are not used
ORDER = "hashtext(pid), pid"


def condition(share: int) -> str:
    """Return an SQL condition that is true for one of `share` points. share: 1 or one of SHARES."""
    return "true" if share == 1 else f"hashtext(pid) & {share - 1:d} = 0"


def share_leaving(*, n_points: int, most: int) -> int:
    """Return the densest sample expected to hold at most `most` points; the thinnest where none does."""
    return next((share for share in (1, *SHARES) if n_points <= most * share), SHARES[-1])


def create_index(product_id: int | str, share: int) -> str:
    """Return SQL for the index of one sample."""
    return (
        f"CREATE INDEX {POINTS}_p{product_id}_sample_{share:d} ON {POINTS}_p{product_id} USING gist (tile_point)"
        f" WHERE {condition(share)};"
    )
