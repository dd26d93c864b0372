"""`offsets-fast`: glaciers and landslides that move by 3, 10 and 30 m a day between images 12 days apart, at 10 m.

Only nodes on the moving ground count: those that move by at least half as much as the fastest. The search reaches
farther than the motion, as the service's does where a glacier's outline is loaded.
"""

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np

from ground_motion.statistics.intervals import Float64
from lab.benchmark import by_method
from lab.offsets.evaluate import AT, all_errors, benchmark, intervals
from lab.results import Compared
from lab.simulation.sar import motion
from lab.simulation.sar.ground import Likely, structured
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.recipes import fingerprint
from lab.simulation.sar.system import GRDH
from lab.simulation.seeds import Purpose, generator

NAME, VERSION = "offsets-fast", "1"
SIZE, SIZE_PX, SEARCH_PX = 10, 384, 48  # Pairs of each case, their side, and the search range; 30 m a day are 36 px.
CASES = tuple(product(("glacier", "landslide"), (3, 10, 30)))  # Kinds of motion, and speeds in m/day.
PX_PER_M_DAY = 12 / 10
METRICS = ("known_share", "rmse", "outlier_share", "within_68")


def make_pair(rng: np.random.Generator, kind: str, m_day: int) -> SarPair:
    """Draw a pair of structured ground of which a tongue or an ellipse moves by up to m_day."""
    ground = structured(rng, padded(SIZE_PX), GRDH, Likely(gamma=(0.4, 0.9)))
    field = motion.MOTIONS[kind](rng, padded(SIZE_PX), GRDH.fine)
    return simulate_pair(rng, GRDH, ground, field * (m_day * PX_PER_M_DAY / float(np.hypot(*field).max())))


def _errors(methods: Sequence[str], job: int) -> dict[str, Float64]:
    kind, m_day = CASES[job % len(CASES)]
    pair = make_pair(generator(Purpose.BENCHMARK, f"{NAME} {kind} {m_day}", job // len(CASES)), kind, m_day)
    least = m_day * PX_PER_M_DAY / 2
    return {name: rows[rows[:, AT.moved] >= least] for name, rows in all_errors(methods, pair, SEARCH_PX).items()}


def compare(methods: Sequence[str], size: int) -> Compared:
    """Measure methods on a number of pairs of each case. Returns method -> metric name -> interval over pairs."""
    compared: Compared = {method: {} for method in methods}
    for method, rows in by_method(_errors, methods, size * len(CASES)).items():
        for index, (kind, m_day) in enumerate(CASES):
            compared[method] |= intervals(rows[index :: len(CASES)], METRICS, f"{kind}_{m_day}_{{}}")
    return compared


def truth_sha256(size: int) -> str:
    """Return a hash of the benchmark's pairs."""
    return fingerprint(NAME, partial(make_pair, kind="landslide", m_day=30), (VERSION, size, CASES, SEARCH_PX))


BENCHMARK = benchmark(NAME, VERSION, SIZE, "pairs of each of six cases", compare, truth_sha256)
