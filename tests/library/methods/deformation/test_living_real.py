"""Living series on real interferograms: Mexico City, whose last dates are hidden and prolonged pass by pass."""

import numpy as np
import pytest

from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.living.inversion import ACTIVE_DATES, Interferogram, begin, extend
from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import join_batches

pytestmark = pytest.mark.realdata
KNOWN = 9  # of thirteen dates
SIGMA_MM = 3.0


def test_mexico_city_goes_on_sinking_as_the_inversion_of_all_its_pairs_has_it(real_data):
    whole = open_velocity_field(real_data / "mexicocity_s1" / "cum.h5")
    points, dates = join_batches(list(whole.batches())), whole.header.dates
    x, y = transformer(4326, 32614).transform(points.longitude, points.latitude)
    ground = Ground(np.asarray(x), np.asarray(y), points.height_m)
    pairs = open_velocity_field(real_data / "mexicocity_s1" / "interferograms").interferograms
    cols, rows = (np.floor(place).astype(int) for place in ~pairs.grid.transform @ (points.longitude, points.latitude))
    state = begin(ground, dates[:KNOWN], [points.displacement_mm[:, :KNOWN]], HALF_WAVE_MM)
    for day in dates[KNOWN:]:
        measured = []
        for number, (earlier, later) in enumerate(pairs.days):
            if later == day and earlier in state.days:
                change = np.concatenate([part.change_mm for part in pairs.parts(number)])
                sigma = np.full(len(rows), SIGMA_MM, dtype=np.float32)
                measured.append(Interferogram(earlier, change[rows, cols], sigma))
        if measured:  # The last date has only pairs with dates long before.
            state, new = extend(state, day, measured)
    last = dates.index(new.day)
    assert last >= KNOWN + 2
    sank = points.displacement_mm[:, last] - points.displacement_mm[:, KNOWN - 1]
    seen = new.displacement_mm - points.displacement_mm[:, KNOWN - 1]
    known = np.isfinite(sank) & np.isfinite(seen)
    assert known.mean() > 0.9
    assert np.corrcoef(seen[known], sank[known])[0, 1] > 0.9
    assert np.median(np.abs(seen - sank)[known]) < 10
    fastest = known & (sank < np.percentile(sank[known], 10))
    assert np.median(seen[fastest]) == pytest.approx(np.median(sank[fastest]), rel=0.25)
    assert len(state.days) == ACTIVE_DATES
