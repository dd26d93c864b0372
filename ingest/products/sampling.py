"""Even, reproducible samples of a product's points that are read quickly however large the product is.

A hash of its id decides which samples a point belongs to: one of `share` points belongs to the sample of that share;
sparse samples are parts of denser ones. Each sample of a large product has its own spatial index. A load stores points
of a sample that are near each other together, so that a tile of a sample is read from few pages.
"""

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float64
from ingest.products.partitions import POINTS
from ingest.products.pyramid import HALF_WORLD_M

SHARES = (4, 16, 64, 256, 1024, 4096)
MIN_POINTS = {share: 1000 * share for share in SHARES}  # Samples of fewer than a thousand points are not used.
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


def storing_order(pid: NDArray[np.bytes_], x: Float64, y: Float64) -> NDArray[np.intp]:
    """Return the order to store points in, (n,), n > 0: sparse samples first, each along a Z-order curve. x, y: m."""
    hashes = _hashtext(pid)
    level = sum((hashes & np.uint32(share - 1) != 0).astype(np.uint64) for share in SHARES)
    across, down = (
        np.clip((place / HALF_WORLD_M + 1) * 2**21, 0, 2**22 - 1).astype(np.uint64) for place in (x, y)
    )  # The cells have sides of 10 m.
    return np.argsort(level << np.uint64(44) | _spread(across) << np.uint64(1) | _spread(down))


def _spread(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Insert a zero before each of the lowest 32 bits of integers."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        value = (value | value << np.uint64(shift)) & np.uint64(mask)
    return value


def _hashtext(texts: NDArray[np.bytes_]) -> NDArray[np.uint32]:
    """Return PostgreSQL's hashtext of UTF-8 texts, (n,), not empty, as unsigned integers.

    Source: Bob Jenkins's lookup3 as in PostgreSQL's src/common/hashfn.c. A different hash would only worsen the order.
    """
    lengths = np.char.str_len(texts)
    hashes = np.empty(texts.size, np.uint32)
    for length in np.unique(lengths):
        chosen = lengths == length
        blocks = length // 12 + 1
        words = texts[chosen].astype(f"S{12 * blocks}").view("<u4").reshape(-1, 3 * blocks)
        start = np.full(len(words), (0x9E3779B9 + 3923095 + int(length)) % 2**32, np.uint32)
        a, b, c = start, start.copy(), start.copy()
        for block in range(blocks - 1):
            a, b, c = (part + words[:, 3 * block + place] for place, part in enumerate((a, b, c)))
            for bits in (4, 6, 8, 16, 19, 4):
                a, b, c = b, c + b, (a - c) ^ _rotated_left(c, bits)
        a, b, c = a + words[:, -3], b + words[:, -2], c + (words[:, -1] << np.uint32(8))
        for bits in (14, 11, 25, 16, 4, 14, 24):
            a, b, c = b, (c ^ b) - _rotated_left(b, bits), a
        hashes[chosen] = b
    return hashes


def _rotated_left(value: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    return value << np.uint32(bits) | value >> np.uint32(32 - bits)
