"""A pair whose greys are known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ingest.models import Scene
from tests.makers import pairs as made_pairs

DAY = datetime(2021, 12, 1, 6, 30, tzinfo=UTC)


def power(decibels: float) -> np.ndarray:
    """Return an image of made_pairs' raster size."""
    return made_pairs.full(10 ** (decibels / 10))


@pytest.fixture
def pair(db):
    """-20 dB in the west half, 0 dB in the east; in a corner of the later image 6 dB more; NaN at the top."""
    scenes = [made_pairs.make_scene(DAY + timedelta(days=days)) for days in (0, 12)]
    Scene.objects.filter(pk__in=[s.pk for s in scenes]).update(
        posting_m=made_pairs.CELL_M,
        rows=made_pairs.ROWS,
        cols=made_pairs.COLS,
        grid=list(made_pairs.raster_transform())[:6],
    )
    first, second = (Scene.objects.get(pk=scene.pk) for scene in scenes)
    image = power(-20.0)
    image[:, made_pairs.COLS // 2 :] = 1.0
    image[:10] = np.nan
    made_pairs.fill_scene(first, image)
    later = image.copy()
    later[120:, :40] *= 10**0.6
    made_pairs.fill_scene(second, later)
    return made_pairs.make_pair(first, second)
