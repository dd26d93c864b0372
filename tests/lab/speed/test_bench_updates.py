"""The count of messages that mere noise makes: it counts none where nothing scatters, and what changes."""

import numpy as np

from lab.speed import updates


def test_steady_ground_is_told_nothing_and_ground_without_motion_that_it_has_ended():
    dates, values = next(updates.alerts("white", 1, seed=1))
    years, scatter = np.arange(values.size) * updates.EVERY_DAYS / 365.25, np.sin(values)
    assert list(updates.told_in_a_year(dates, scatter - 10.0 * years)) == []
    assert list(updates.told_in_a_year(dates, scatter)) == [["finished"]]


def test_the_count_names_every_noise():
    lines = {row["what"].split(":")[0] for row in updates.run(rounds=2)["results"]}
    assert lines == set(updates.MADE)
