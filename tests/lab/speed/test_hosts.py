"""What the benchmark of two hosts stands on: images that keep their phase, a network of their own, and a comparison
that fails."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from lab.speed.hosts import network
from lab.speed.hosts.images import COHERENCE, Size, write_images

PLACE = (network.CENTRE, 7000)
CONNECT = f"import socket; socket.create_connection({PLACE}, timeout=2)"
LISTEN = f"import socket, time; server = socket.create_server({PLACE}); print(flush=True); time.sleep(99)"


def may_make_networks() -> bool:
    command = ["unshare", "--net", "true"]
    return os.geteuid() == 0 and bool(shutil.which("ip")) and subprocess.run(command, check=False).returncode == 0


def test_intensities_of_successive_images_are_correlated_but_where_the_ground_changed(tmp_path):
    write_images(tmp_path, Size(256, 256, 4))
    images = []
    for path in sorted(tmp_path.iterdir()):
        with rasterio.open(path) as raster:
            images.append(raster.read(1))
    square = (slice(64, 96), slice(64, 96))
    row, col = np.ogrid[:256, :256]
    ground = 1 + 0.5 * np.sin(row / 37) * np.cos(col / 53)

    def correlation(first: int, at: tuple[slice, slice]) -> float:
        pair = [(images[date] / ground)[at].ravel() for date in (first, first + 1)]
        return float(np.corrcoef(pair)[0, 1])

    assert len(images) == 5
    assert correlation(0, square) == pytest.approx(COHERENCE**2, abs=0.1)
    assert correlation(2, square) == pytest.approx(0, abs=0.1)
    assert correlation(2, (slice(128, 256), slice(0, 256))) == pytest.approx(COHERENCE**2, abs=0.05)


@pytest.mark.skipif(not may_make_networks(), reason="network namespaces are made by root only")
def test_a_host_reaches_the_centre_and_nobody_once_its_cable_is_pulled(settings, tmp_path):
    settings.BASE_DIR = tmp_path  # namespaces of other names than a benchmark's that is running

    def connects(host: str) -> bool:
        command = [*network.inside(network.name(host)), sys.executable, "-c", CONNECT]
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0

    with network.up() as centre:
        listening = [*network.inside(centre), sys.executable, "-c", LISTEN]
        with subprocess.Popen(listening, stdout=subprocess.PIPE) as server:
            server.stdout.readline()
            assert connects("north")
            network.plug("north", in_=False)
            assert not connects("north")
            assert connects("south")
            network.down()
        assert server.returncode == -signal.SIGKILL
    assert network.name("north") not in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout


def test_a_result_that_is_missing_is_an_error(db):
    from lab.speed.hosts import driver

    driver.compare(driver.Made({}, {"Run": 0, "Detection": 0, "AlertTransition": 0}), "nothing")
    with pytest.raises(RuntimeError, match="coherence of a pair"):
        driver.compare(driver.Made({"coherence of a pair": ["pixels", "file"]}, {}), "nothing")
