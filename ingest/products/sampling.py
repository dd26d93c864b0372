"""Even samples of a product's points that are the same every time, and cheap to read whatever the product's size.

A point's place in the samples follows from a hash of its id: one of `share` points belongs to a sample, and the points
of a thin sample belong to every thicker one. Each sample of a large product has a spatial index of its own.
"""

from ingest.products.partitions import POINTS

SHARES = (4, 16, 64, 256, 1024, 4096)
LEAST_POINTS = {share: 1000 * share for share in SHARES}  # a sample of fewer than a thousand is not wanted
ORDER = "hashtext(pid), pid"


def condition(share: int) -> str:
    """Return SQL that holds for one of `share` points. share: 1 or one of SHARES."""
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
