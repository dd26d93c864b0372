"""When a satellite sees a place next, by the passes so far; also by the dates of real releases."""

from datetime import UTC, datetime, time, timedelta

import pytest

from ground_motion.readers.formats import registry
from ground_motion.readers.records import Declaration
from ingest.scenes.next_pass import CYCLE, LIKELY, SAME_PASS, expected_passes

FIRST = datetime(2024, 1, 3, 16, 58, tzinfo=UTC)


def passes(count: int, every: int = 1, first: datetime = FIRST) -> list[datetime]:
    return [first + every * number * CYCLE + timedelta(seconds=number) for number in range(count)]


def next_pass(times: list[datetime], after: datetime) -> datetime | None:
    """The first pass that is likely, or the likeliest one; None if no orbit was used lately."""
    expected = expected_passes(times, after)
    likely = [orbit for orbit in expected if orbit.probability >= LIKELY]
    return min(likely or sorted(expected, key=lambda orbit: -orbit.probability)[:1], default=(None,))[0]


def test_a_pass_returns_after_a_cycle_at_the_same_time_of_day_and_one_used_every_second_time_is_expected_less():
    for every, low, high in ((1, 0.9, 1.0), (2, 0.5, 0.8)):
        times = passes(8, every)
        (found,) = expected_passes(times, times[-1] + timedelta(days=1))
        assert low < found.probability <= high
        assert abs(found.at - (times[-1] + CYCLE)) < SAME_PASS


def test_two_satellites_come_in_turn():
    first, second = passes(8), passes(8, first=FIRST + timedelta(days=6))
    found = expected_passes([*first, *second], second[-1])
    assert [(one.at - second[-1]).days for one in found] == [6, 12]


def test_an_orbit_that_was_left_is_no_longer_expected_and_nothing_without_passes():
    left, kept = passes(10), passes(20, first=FIRST + timedelta(days=6))
    assert abs(next_pass([*left, *kept], kept[-1]) - (kept[-1] + CYCLE)) < SAME_PASS
    assert expected_passes(left, left[-1] + 8 * CYCLE) == []
    assert expected_passes([], FIRST) == expected_passes(passes(3, first=FIRST + CYCLE), FIRST) == []


@pytest.mark.realdata
@pytest.mark.parametrize(
    "file",
    [
        "egms_ustica/EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip",
        "egms_ustica/EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip",
        "velocity_real/donana_psbas/Sentinel_Asc.shp",
        "velocity_real/donana_psbas/Sentinel_Desc.shp",
    ],
)
def test_the_dates_of_a_real_release_are_foretold_one_by_one(real_data, file):
    """Two satellites, the end of one and the gaps of real archives are in them; the time of day is not."""
    dates = registry.open_velocity_field(real_data / file, declared=Declaration()).header.dates
    times = [datetime.combine(day, time(17), UTC) for day in dates]
    found = [next_pass(times[:number], times[number - 1]) for number in range(40, len(times))]
    right = [at is not None and abs(at - true) <= SAME_PASS for at, true in zip(found, times[40:], strict=True)]
    assert sum(right) >= 0.94 * len(right)
