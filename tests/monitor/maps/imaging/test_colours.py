"""The colours of velocity keep their meaning for those who see fewer colours."""

import numpy as np
import pytest

from monitor.maps.imaging.evidence import RATE_STOPS

# Machado, Oliveira and Fernandes 2009, doi 10.1109/TVCG.2009.113, whole loss of a cone; linear RGB
SEEN = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
JUST_CLEAR = 20.0  # CIE 1976: colours that nobody takes for each other


def lab(stops: tuple[str, ...], missing: str) -> np.ndarray:
    """CIELAB of colours as somebody without one kind of cones sees them, (n, 3)."""
    rgb = np.array([[int(stop[at : at + 2], 16) / 255 for at in (1, 3, 5)] for stop in stops])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.array(SEEN[missing]).T, 0, 1) @ np.array(XYZ).T / np.sum(XYZ, axis=1)
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * bent[:, 1] - 16, 500 * (bent[:, 0] - bent[:, 1]), 200 * (bent[:, 1] - bent[:, 2])], axis=1)


@pytest.mark.parametrize("missing", SEEN)
def test_sinking_and_rising_differ_for_every_kind_of_colour_blindness(missing):
    seen, middle = lab(RATE_STOPS, missing), len(RATE_STOPS) // 2
    for step in range(1, middle + 1):
        assert np.linalg.norm(seen[middle - step] - seen[middle + step]) > JUST_CLEAR, step
    assert (np.diff(seen[: middle + 1, 0]) > 0).all(), "the faster it sinks, the darker"
    assert (np.diff(seen[middle:, 0]) < 0).all(), "the faster it rises, the darker"
