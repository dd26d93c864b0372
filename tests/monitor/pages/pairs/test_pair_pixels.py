"""Greys and colours of radar images represent their values."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from monitor.maps.imaging import pixels as pair_pixels


def test_known_decibels_have_the_grey_between_black_and_white():
    stretch = pair_pixels.Stretch(-20.0, 0.0)
    image = 10 ** (np.array([[-30.0, -20.0, -15.0, -10.0, 0.0, 5.0, np.nan]], dtype=np.float32) / 10)
    pixels = np.asarray(Image.open(BytesIO(pair_pixels.grey_png(image, stretch))))
    assert pixels[0, :, 0].tolist() == [0, 0, 64, 128, 255, 255, 0]
    assert pixels[0, :, 1].tolist() == [255] * 6 + [0]


def test_both_images_share_one_stretch_of_their_middle_values():
    ramp = np.linspace(-30, 0, 101, dtype=np.float32)
    stretch = pair_pixels.common_stretch([10 ** (ramp / 10), 10 ** (ramp / 10)])
    assert stretch == pytest.approx((-29.4, -0.6), abs=0.02)
    unknown = np.full((3, 3), np.nan, dtype=np.float32)
    assert pair_pixels.common_stretch([unknown, unknown]) == pair_pixels.NO_STRETCH


def test_what_became_brighter_is_red_and_what_became_darker_blue():
    one = np.ones((1, 3), dtype=np.float32)
    later = np.array([[10**0.6, 1.0, 10**-0.6]], dtype=np.float32)
    ratio = pair_pixels.ratio_db(one, later, side=1)
    assert ratio[0] == pytest.approx([6, 0, -6], abs=1e-5)
    red, same, blue = np.asarray(Image.open(BytesIO(pair_pixels.ratio_png(ratio))))[0, :, :3].tolist()
    assert [red, blue] == [[0x9E, 0x2A, 0x1C], [0x1D, 0x4A, 0x94]]
    assert min(same) > 240


def test_the_ratio_is_of_means_over_the_known_pixels_around():
    reference, later = np.ones((5, 5), dtype=np.float32), np.ones((5, 5), dtype=np.float32)
    later[2, 2], later[0, 0] = 26.0, np.nan
    ratio = pair_pixels.ratio_db(reference, later)
    assert ratio[2, 2] == pytest.approx(10 * np.log10((23 + 26) / 24))
    assert np.isnan(ratio[0, 0])
    assert pair_pixels.ratio_db(reference, np.ones((5, 5), dtype=np.float32)) == pytest.approx(0)
