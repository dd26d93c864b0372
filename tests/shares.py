"""Order of the tests, so that every worker of pytest-xdist begins with its part of those that take long.

`--dist worksteal` gives each worker a contiguous share, and an idle worker takes tests from the end of another's.
Were all long tests at the beginning of one list, the first worker would get them all, and they would be done last.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

import pytest


def dealt_out(long: Sequence[pytest.Item], others: Sequence[pytest.Item], n_workers: int) -> list[pytest.Item]:
    """Return all tests; every share of a worker begins with some of the long ones, whole modules each."""
    modules = defaultdict(list)
    for item in long:
        modules[item.path].append(item)
    heads: list[list[pytest.Item]] = [[] for _ in range(n_workers)]
    for number, module in enumerate(modules.values()):
        heads[number % n_workers] += module
    dealt, rest, n_all = [], iter(others), len(long) + len(others)
    for number, head in enumerate(heads):
        size = (n_all - len(dealt)) // (n_workers - number)  # as xdist shares them out
        dealt += head + list(islice(rest, max(0, size - len(head))))
    return dealt + list(rest)
