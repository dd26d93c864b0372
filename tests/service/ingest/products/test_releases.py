"""A newer release of a tile stands in the older one's place, and what changed between them is kept."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from django.utils import timezone

from ground_motion.statistics.comparison import Change, Released, Verdict, compare
from ingest.models import MeasurementPoint, Product, ReleaseChange
from ingest.products.releases import release_changes_make
from ingest.products.services import product_delete, product_load
from ml.runs.services import runs_queue
from monitor.maps.map.layers import BY_NAME
from monitor.maps.map.selectors import layer_products
from tests.makers import geotiff as made_geotiff
from tests.waiting import reread

NAMES = [f"EGMS_L2b_117_0227_IW2_VV_{years}.zip" for years in ("2018_2022_1", "2019_2023_1", "2020_2024_1")]


@pytest.fixture
def release(make_egms, db):
    """Load one of three yearly releases of a tile, of n points from the first or from a later one on."""

    def load(index: int, n: int = 12, velocity_mm_yr: float = 5.0, skip: int = 0):
        def later(table):
            for column in table.values():
                del column[:skip]
            for place, day in enumerate([name for name in table if name.isdigit()]):
                table[f"{int(day[:4]) + index}{day[4:]}"] = table.pop(day)
                assert place < 5

        return product_load(path=make_egms(name=NAMES[index], n=n, velocity_mm_yr=velocity_mm_yr, change=later))

    return load


def standing() -> list[Product]:
    return list(Product.objects.current())


def test_the_newest_release_stands_in_whatever_order_they_are_loaded_and_the_older_are_kept(release):
    newest, oldest = release(2), release(0)
    assert standing() == [newest]
    assert reread(oldest).superseded_by == newest
    assert MeasurementPoint.objects.filter(product=oldest).count() == 12
    assert layer_products(layer=BY_NAME["los"]) == [newest.pk]
    assert [run.product for run in runs_queue(method="matched-filter")] == [newest]
    middle = release(1)
    assert (reread(oldest).superseded_by, middle.superseded_by) == (middle, newest)
    product_delete(product=newest)
    assert standing() == [reread(middle)]


def test_another_swath_track_or_component_is_no_newer_release_and_velocities_alone_replace_no_series(
    make_egms, tmp_path, db
):
    for name in ("EGMS_L2b_117_0227_IW1_VV_2020_2024_1.zip", NAMES[2], "EGMS_L3_E45N17_100km_U_2020_2024_1.zip"):
        product_load(path=make_egms(name=name, n=12 + len(Product.objects.all()), xml=None))
    product_load(path=make_egms(name="EGMS_L3_E45N17_100km_E_2019_2023_1.zip", n=20, xml=None))
    series = standing()
    assert len(series) == 4
    place = {"crs": "EPSG:3035", "transform": Affine(100, 0, 4_500_000, 0, -100, 1_740_000)}
    velocities = product_load(path=made_geotiff.make(tmp_path, name="EGMS_L3_E45N17_100km_U_2020_2024_1.tiff", **place))
    rest = Product.objects.rests().get(derived_from=velocities)  # It answers where the series has no points.
    assert standing() == [rest, *series]


def test_points_gone_and_new_and_the_change_of_velocity_are_stored_and_a_release_in_between_is_compared(release):
    release(0, n=12, velocity_mm_yr=5.0)
    release(2, n=14, velocity_mm_yr=3.0, skip=4)
    (change,) = release_changes_make()
    assert (change.n_gone, change.n_new, change.n_kept) == (4, 2, 8)
    assert change.common_offset_mm_yr == pytest.approx(-2.0)
    assert change.verdicts["unchanged"] > 0
    assert change.verdicts["faster"] == change.verdicts["slower"] == change.verdicts["new_motion"] == 0
    with change.raster.open("rb") as stream, rasterio.open(stream) as raster:
        gone, new, moved, _, verdict = raster.read()
        assert raster.descriptions == ("gone", "new", "velocity_change_mm_yr", "sigma_mm_yr", "verdict")
        assert raster.tags()["newer_sha256"] == change.newer.file_sha256
        assert float(raster.tags()["common_offset_mm_yr"]) == pytest.approx(-2.0)
    assert (gone.sum(), new.sum()) == (4, 2)
    assert np.nanmedian(moved) == pytest.approx(0.0)
    assert (verdict == Verdict.UNCHANGED).sum() == change.verdicts["unchanged"]
    assert release_changes_make() == []
    Product.objects.filter(pk=change.newer.pk).update(datum_moved_at=timezone.now())
    assert release_changes_make() == [change]  # A moved zero is another offset.
    assert release_changes_make() == []
    release(1, velocity_mm_yr=4.5)
    assert len(release_changes_make()) == 2
    moved = {change.older.release: change.common_offset_mm_yr for change in ReleaseChange.objects.all()}
    assert moved == {"2018_2022_1": pytest.approx(-0.5), "2019_2023_1": pytest.approx(-1.5)}


def test_a_shift_of_less_than_the_resolution_is_the_same_ground():
    x = np.arange(0, 5000, 60.0)
    older = Released(x, np.zeros_like(x), np.zeros(x.size, dtype=np.float32))
    change = compare(older, older._replace(x=x + 12, y=older.y + 9))
    assert (change.n_gone, change.n_new) == (0, 0)
    change = compare(older, older._replace(x=x + 30))
    assert (change.n_gone, change.n_new) == (x.size, x.size)


NOISE_MM_YR, OFFSET_MM_YR, SIDE = 0.7, 3.0, 40
PLACES = {  # name: (row, column of a block of 4 x 4 cells, speed before and after, mm/yr)
    "faster": (4, 4, -8.0, -14.0),
    "slower": (4, 20, -14.0, -8.0),
    "new_motion": (20, 4, 0.0, -9.0),
    "other_way": (20, 20, -6.0, 7.0),
    "as_before": (32, 4, -12.0, -12.0),
}


def block(name: str, grid: np.ndarray) -> np.ndarray:
    row, col, *_ = PLACES[name]
    return grid[row : row + 4, col : col + 4]


def ground(part: int, rng: np.random.Generator) -> Released:
    """Make 4 points in each cell of 40 x 40, 25 m apart, still but for PLACES. part: 2 before, 3 after."""
    speed = np.zeros((SIDE, SIDE))
    for name, place in PLACES.items():
        block(name, speed)[:] = place[part]
    row, col = np.divmod(np.arange(4 * SIDE**2) // 4, SIDE)
    corner = np.arange(4 * SIDE**2) % 4
    x, y = col * 100.0 + 30 + 40 * (corner % 2), -row * 100.0 - 30 - 40 * (corner // 2)
    velocity = speed[row, col] + rng.normal(0, NOISE_MM_YR, x.size)
    return Released(x, y, velocity.astype(np.float32))


@pytest.fixture(scope="module")
def compared() -> Change:
    rng = np.random.default_rng(7)
    older, newer = ground(2, rng), ground(3, rng)
    return compare(older, newer._replace(velocity_mm_yr=newer.velocity_mm_yr + np.float32(OFFSET_MM_YR)))


def test_the_difference_of_the_references_is_taken_off_and_each_change_gets_its_verdict(compared):
    assert compared.common_offset_mm_yr == pytest.approx(OFFSET_MM_YR, abs=0.1)
    assert np.nanmean(block("faster", compared.velocity_change_mm_yr)) == pytest.approx(-6.0, abs=0.5)
    assert np.nanmean(block("as_before", compared.velocity_change_mm_yr)) == pytest.approx(0.0, abs=0.5)
    verdicts = {"other_way": Verdict.NEW_MOTION, "as_before": Verdict.UNCHANGED}
    moving = np.zeros_like(compared.verdict, dtype=bool)
    for place in PLACES:
        verdict = verdicts[place] if place in verdicts else Verdict[place.upper()]
        assert (block(place, compared.verdict) == verdict).mean() > 0.8, place
        block(place, moving)[:] = True
    assert (compared.verdict[~moving] == Verdict.UNCHANGED).mean() > 0.99  # Still ground, whatever its noise.
    assert compared.verdict_counts()["unchanged"] > 0.9 * (SIDE**2 - moving.sum())


def test_a_cell_that_lost_most_of_its_points_says_so_and_a_change_below_twice_its_uncertainty_is_none():
    rng = np.random.default_rng(7)
    older, newer = ground(2, rng), ground(3, rng)
    sure, unsure = compare(older, newer), compare(older._replace(usual_std_mm_yr=4.0), newer)
    assert sure.verdict_counts()["faster"] > 0
    assert unsure.verdict_counts()["faster"] == 0
    assert np.nanmin(unsure.sigma_mm_yr) == pytest.approx(4.0)
    kept = ~((older.x > 3000) & (older.x < 3400) & (older.y > -400))
    kept |= np.arange(kept.size) % 4 == 0  # one of four stays
    change = compare(older, Released(*(column[kept] for column in older[:3])))
    assert (change.verdict == Verdict.VANISHED).sum() == change.verdict_counts()["vanished"] == 16
