"""The plan on paper follows from the measured figures."""

from dataclasses import replace

import pytest

from lab.speed import plan

NORWAY = plan.SIZES[1]


def needs(size=NORWAY, **changes):
    return {what: value for what, value, _ in plan.needs(size, replace(plan.measured(), **changes))}


def test_half_the_speed_takes_twice_the_hours_and_more_machines():
    now, slow = needs(), needs(coherence_mpx_s=0.02, offsets_mpx_s=0.02)
    hours = "coherence and offsets of a repeat, one machine"
    assert slow[hours] == pytest.approx(24 * 412.5 / 0.01 / 3600)
    assert slow["workers of two cores"] == 1 + slow[hours] // (6 * 24 * 0.5) > now["workers of two cores"]
    assert slow["cost"] > now["cost"]


def test_points_cost_disk_and_hours_in_proportion():
    region = needs(plan.SIZES[0])
    for what in ("points on disk, 300 dates", "loading a release, one machine"):
        assert needs()[what] == pytest.approx(200 * region[what])


def test_every_size_has_every_row_with_a_unit():
    rows = plan.rows(plan.measured())
    assert len(rows) == len(plan.SIZES) * len({row["what"].split(": ")[1] for row in rows})
    assert all(row["unit"] and row["value"] > 0 for row in rows)
