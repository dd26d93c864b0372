"""Real series: ground that moves keeps its rates, ground that is still has no errors to undo."""

from pathlib import Path

import numpy as np
import pytest

from ground_motion.methods.deformation.series.product import SeriesReader, half_wave_mm
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.methods.deformation.series.summary import SeriesSummary
from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import Declaration

pytestmark = pytest.mark.realdata
OFFIDA = 'unit = "mm/yr"\nseries = "mm"\npositive = "toward"\ndates = "D%Y%m%d"\n[columns]\nvelocity = "VEL"\n'
PLACES = {
    "ustica, still": ("egms_ustica/EGMS_L2b_*.zip", None),
    "a slope above Maoxian": ("velocity_real/maoxian_slope/Maoxian_*.csv", None),
    "pumped ground of Donana": ("velocity_real/donana_psbas/*.shp", None),
    "slopes of Offida": ("velocity_real/offida_slope/clusters_offida.shp", "offida"),
    "Mexico City": ("mexicocity_s1/cum.h5", None),
}


def summary_of(path: Path, mapping: Path | None, step_mm: float = 0.0) -> SeriesSummary:
    """step_mm: put into the series of all points near the first one, from their middle date on."""
    field = open_velocity_field(path, declared=Declaration(mapping=mapping))
    batches = [batch for batch in field.batches() if batch.pid.size]
    longitude, latitude, series = (
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("longitude", "latitude", "displacement_mm")
    )
    near = np.hypot((longitude - longitude[0]) * 0.78, latitude - latitude[0]) < 0.003
    series[near, series.shape[1] // 2 :] += step_mm
    reader = SeriesReader(field.header.dates, half_wave_mm(field.header.extras))
    reader.add(series)
    return reader.summary(longitude, latitude)


@pytest.mark.parametrize(("pattern", "mapping"), PLACES.values(), ids=PLACES)
def test_nothing_real_is_taken_for_an_unwrapping_error(real_data: Path, tmp_path: Path, pattern, mapping):
    (tmp_path / "offida").write_text(OFFIDA)
    paths = sorted(real_data.glob(pattern))
    assert paths
    for path in paths:
        declared = None if mapping is None else tmp_path / mapping
        summary = summary_of(path, declared)
        assert np.isfinite(summary.rate_mm_yr).mean() > 0.9
        assert not summary.step_mm_yr.any()


def test_an_error_put_into_real_series_is_undone(real_data: Path):
    for path in sorted((real_data / "egms_ustica").glob("EGMS_L2b_*.zip")):
        as_it_is, wrong = summary_of(path, None), summary_of(path, None, HALF_WAVE_MM)
        undone = wrong.step_mm_yr > 0
        assert undone.sum() > 20
        np.testing.assert_allclose(wrong.rate_mm_yr[undone], as_it_is.rate_mm_yr[undone], atol=0.3)
        assert (wrong.rate_mm_yr - as_it_is.rate_mm_yr > 1).sum() < 0.2 * undone.sum()
