"""`python -m lab.structures.lines`: how many steps of simulated lines are placed, and how many breaks are false."""

import argparse
from pathlib import Path

import numpy as np

from ground_motion.methods.structures.lines import Float64, breaks_of, points_along
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.results import code_of, recording, write
from lab.simulation.seeds import Purpose, generator
from lab.structures.routes import SETTLED_M, draw_route

BENCHMARK = "lines"
LENGTH_M, HALF_WIDTH_M = 25_000.0, 3.0
NEAR_M = 50.0  # A step counts as found within this distance.
SAME_M = 150.0  # A break this near a step, or where the ground behind it recovers, is no false one.


def measure(number: int, purpose: Purpose) -> tuple[Float64, Float64]:
    """Return, of a pair of routes: (steps, 2), step placed and interval right; (1, 1), number of false breaks."""
    placed, held, false = [], [], 0
    for steps in (True, False):
        route = draw_route(generator(purpose, BENCHMARK, 2 * number + steps), LENGTH_M, steps)
        along = points_along(route.line, route.x_m, route.y_m, HALF_WIDTH_M)
        found = breaks_of(along, route.value_mm[along.point], route.sigma_mm[along.point], route.line.length)
        at = np.array([place.station_m for place in found])
        for step_m in route.steps_m:
            near = np.flatnonzero(np.abs(at - step_m) <= NEAR_M)
            placed.append(near.size > 0)
            held.append(any(found[place].from_m <= step_m <= found[place].to_m for place in near))
        behind = at[:, np.newaxis] - route.steps_m
        false += int(np.count_nonzero(~((behind > -SAME_M) & (behind < SETTLED_M[1] + SAME_M)).any(axis=1)))
    return np.column_stack([placed, held]).astype(np.float64), np.array([[float(false)]])


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--routes", type=int, default=40, help="pairs of 25 km with steps and 25 km without")
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    with recording() as used:
        rows = [measure(number, Purpose[args.purpose]) for number in range(args.routes)]
    steps, false = [row for row, _ in rows], [row for _, row in rows]
    per_100_km = 100 / (2 * LENGTH_M / 1000)
    metrics: dict[str, Interval] = {
        "placed_within_50_m": bootstrap_over(steps, lambda part: float(part[:, 0].mean())),
        "interval_holds": bootstrap_over(steps, lambda part: float(part[part[:, 0] == 1, 1].mean())),
        "false_per_100_km_year": bootstrap_over(false, lambda part: per_100_km * float(part.mean())),
    }
    module = "lab.structures.lines"
    write(args.json, module, {"model": metrics}, {}, task="structures", benchmark=BENCHMARK, code=code_of(used))


if __name__ == "__main__":
    main()
