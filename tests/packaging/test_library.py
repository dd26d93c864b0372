"""The library below the service, as somebody gets it who installs the wheel without extras: few packages, no Django."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

from tests.makers.geotiff import write
from tests.waiting import once_per_run

ROOT = Path(__file__).resolve().parents[2]
MAX_DIRECT, MAX_PACKAGES = 15, 40
OF_CUDA = ("nvidia", "cuda", "triton")  # which torch brings where an index has no build for CPUs
PICTURE = """
from ground_motion import coherence, offsets, open_pair

pair = open_pair("reference.tif", "secondary.tif")
print(offsets(pair).dataset.dx_px.median().item())
coherence(pair).quicklook("coherence.png")
"""
MAX_LINES = 10
EVERY_MODULE = """
import pkgutil, sys
from importlib import import_module
import ground_motion
for module in pkgutil.walk_packages(ground_motion.__path__, "ground_motion."):
    if not module.name.startswith("ground_motion.core.http"):  # the service's part brings what it needs
        import_module(module.name)
assert not [name for name in {foreign} if name in sys.modules]
"""
NAMES = """
from importlib.metadata import files
print(*{path.parts[0] for path in files("ground-motion-monitor") if ".dist-info" not in path.parts[0]} - {".."})
"""


def foreign_packages() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(contract for contract in contracts if contract["name"].startswith("The library needs nothing"))
    return found["forbidden_modules"]


def write_pair(folder: Path) -> None:
    """Write a pair of images of one speckle, of which the secondary lies three pixels to the right."""
    ground = np.random.default_rng(7).exponential(size=(256, 264)).astype(np.float32)
    for name, first in (("reference", 4), ("secondary", 1)):
        write(folder / f"{name}.tif", ground[:, first : first + 256], "EPSG:32632", Affine(10, 0, 5e5, 0, -10, 5e6))


def brought(requirements: list[str]) -> dict[str, metadata.Distribution]:
    """Return the installed packages among these requirements and their own, without extras, by name."""
    waiting, found = [*requirements], {}
    while waiting:
        wanted = Requirement(waiting.pop())
        if wanted.name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found[wanted.name] = metadata.distribution(wanted.name)
        waiting += found[wanted.name].requires or []
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """Return the programs' folder of a new environment with the wheel and links to the packages that it needs."""

    def make(folder: Path) -> str:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
        programs = folder / "venv/bin"
        pip = [sys.executable, "-m", "pip", "--python", programs / "python"]
        subprocess.run([*pip, "install", "--quiet", "--no-compile", "--no-deps", "--no-index", wheel], check=True)
        (packages,) = folder.glob("venv/lib/python*/site-packages")
        (installed,) = metadata.distributions(path=[str(packages)])
        for distribution in brought(installed.requires).values():
            for name in {file.parts[0] for file in distribution.files} - {".."}:
                if not (packages / name).exists():
                    (packages / name).symlink_to(distribution.locate_file(name))
        subprocess.run([*pip, "check"], check=True)
        return str(programs)

    return Path(once_per_run(tmp_path_factory, "library", make))


def called(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(cwd)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_it_brings_few_packages(library):
    (packages,) = library.parent.glob("lib/python*/site-packages")
    names = {found.metadata["Name"].lower() for found in metadata.distributions(path=[str(packages)])}
    counted = sorted(name for name in names if not name.startswith(OF_CUDA))
    assert len(counted) <= MAX_PACKAGES, counted
    assert not {"django", "celery", "dash", "requests"} & set(counted)


def test_it_asks_for_few_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= MAX_DIRECT


def test_every_module_of_it_is_imported_without_the_service(library, tmp_path):
    done = called(library / "python", "-c", EVERY_MODULE.format(foreign=foreign_packages()), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_it_brings_one_name(library, tmp_path):
    assert called(library / "python", "-c", NAMES, cwd=tmp_path).stdout.split() == ["ground_motion"]


def test_its_program_says_what_the_service_needs(library, tmp_path):
    helped = called(library / "ground-motion", "--help", cwd=tmp_path)
    assert "deformation" in helped.stdout, helped.stderr
    refused = called(library / "ground-motion", "ingest", "points.csv", cwd=tmp_path)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "pip install ground-motion-service" in refused.stderr


def test_a_pair_becomes_a_picture_in_ten_lines(library, tmp_path):
    write_pair(tmp_path)
    done = called(library / "python", "-c", PICTURE, cwd=tmp_path)
    assert float(done.stdout) == pytest.approx(3.0, abs=0.1), done.stderr
    assert (tmp_path / "coherence.png").read_bytes()[:4] == b"\x89PNG"
    assert len(PICTURE.strip().splitlines()) <= MAX_LINES
