"""Which partitions are merged: few stay, each row is copied seldom, and those that become one are neighbours."""

from collections.abc import Callable, Sequence
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.products.parts import (
    MAX_AT_ONCE,
    MAX_FULL,
    MIN_FULL,
    MIN_LOOSE,
    Part,
    full_at,
    groups_of,
)

Plan = Callable[[Sequence[Part]], list[list[Part]]]


def scattered(sizes: Sequence[int], seed: int = 0, kind: str = "los ascending") -> list[Part]:
    places = np.random.default_rng(seed).uniform((5.0, 45.0), (15.0, 55.0), (len(sizes), 2))
    return [Part(index + 1, size, kind, *place) for index, (size, place) in enumerate(zip(sizes, places, strict=True))]


def joined(group: Sequence[Part], number: int) -> Part:
    n_points = sum(part.n_points for part in group)
    x, y = (sum(part.n_points * part[axis] for part in group) / n_points for axis in (3, 4))
    return Part(number, n_points, max(group, key=lambda part: part.n_points).kind, x, y)


class Layout:
    """Parts that are merged step by step as the job does it, and how often each row was copied."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts: list[Part] = []
        self.copied: dict[int, int] = {}
        self.within: dict[int, list[int]] = {}
        for part in parts:
            self.add(part)

    def settle(self) -> None:
        while groups := groups_of(self.parts):
            group, before = groups[0], len(self.parts)
            number = max(self.within) + 1
            merged = joined(group, number)
            self.within[number] = [first for part in group for first in self.within.pop(part.number)]
            for first in self.within[number]:
                self.copied[first] += 1
            gone = {part.number for part in group}
            self.parts = [part for part in self.parts if part.number not in gone] + [merged]
            assert len(self.parts) < before

    def add(self, part: Part) -> None:
        self.parts.append(part)
        self.copied[part.number] = 0
        self.within[part.number] = [part.number]


def check(layout: Layout) -> None:
    total = sum(part.n_points for part in layout.parts)
    assert len(layout.parts) < MAX_FULL + MIN_LOOSE
    for part in layout.parts:
        for first in layout.within[part.number]:
            assert layout.copied[first] <= log2(max(total, 2)) + 1


SIZES = {
    "alike": [50_000] * 500,
    "a few giants among many tiny ones": [10**9] * 5 + [100] * 1_000 + [3_000_000] * 20,
    "ten thousand million points": [5_000_000] * 2_000,
    "each twice the one before": [2**index for index in range(33)],
    "tiny": [1] * 1_000,
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_number_of_parts_is_bounded(sizes):
    layout = Layout(scattered(sizes))
    layout.settle()
    check(layout)
    assert sum(part.n_points for part in layout.parts) == sum(sizes)
    assert {first for inside in layout.within.values() for first in inside} == {*range(1, len(sizes) + 1)}


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 27).flatmap(lambda power: st.integers(2**power, 2 ** (power + 1))), max_size=400),
    seed=st.integers(0, 99),
)
def test_the_number_of_parts_is_bounded_a_group_is_worth_its_copy_and_no_part_is_in_two(sizes, seed):
    layout = Layout(scattered(sizes, seed))
    groups, full = groups_of(layout.parts), full_at(sum(sizes))
    chosen = [part.number for group in groups for part in group]
    assert len(chosen) == len({*chosen})
    for group in groups:
        largest = max(part.n_points for part in group)
        assert 2 <= len(group) <= MAX_AT_ONCE
        assert sum(part.n_points for part in group) >= 2 * largest
        assert largest < full
    layout.settle()
    check(layout)


def test_products_that_come_one_by_one_are_copied_a_few_times_each():
    layout = Layout([])
    for part in scattered([50_000] * 600):
        layout.add(part._replace(number=10_000 * part.number))
        layout.settle()
        assert len(layout.parts) < MAX_FULL + MIN_LOOSE
    assert np.mean(list(layout.copied.values())) <= 1


def test_small_installations_and_full_parts_are_left_alone_and_neighbours_of_one_kind_become_one():
    assert groups_of(scattered([50_000] * (MIN_LOOSE - 1))) == []
    assert groups_of(scattered([MIN_FULL] * 60)) == []
    assert len(groups_of(scattered([50_000] * MIN_LOOSE + [MIN_FULL] * 60))) == 1
    here, there = (scattered([50_000] * 80, seed) for seed in (0, 1))
    there = [part._replace(number=part.number + 100, longitude=part.longitude + 90) for part in there]
    across = [part._replace(number=part.number + 200, kind="up ") for part in here]
    mixed = [part for three in zip(here, there, across, strict=True) for part in three]
    groups = [{part.number for part in group} for group in groups_of(mixed)]
    assert groups == [{part.number for part in parts} for parts in (here, there, across)]
