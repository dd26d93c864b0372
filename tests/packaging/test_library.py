"""The library below the service, as somebody gets it who installs the wheel without extras: few packages, no Django."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[2]
MAX_DIRECT, MAX_PACKAGES = 15, 40
OF_CUDA = ("nvidia", "cuda", "triton")  # which torch brings where an index has no build for CPUs
EVERY_MODULE = """
import pkgutil, sys
from importlib import import_module
for name in {packages}:
    package = import_module(name)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{{name}}."):
        import_module(module.name)
assert not [name for name in {foreign} if name in sys.modules]
"""


def contract() -> dict[str, list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one["name"].startswith("The library below the service"))


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """The folder of programs of a new environment in which the wheel was installed without extras."""
    folder = tmp_path_factory.mktemp("library")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    programs = folder / "venv/bin"
    command = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", "--no-compile"]
    if url := os.environ.get("TORCH_INDEX_URL", "").strip():
        command += ["--extra-index-url", url]
    subprocess.run([*command, wheel, f"torch=={metadata.version('torch')}"], check=True)
    return programs


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
    held = contract()
    script = EVERY_MODULE.format(packages=held["source_modules"], foreign=held["forbidden_modules"])
    done = called(library / "python", "-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_its_program_says_what_the_service_needs(library, tmp_path):
    helped = called(library / "ground-motion", "--help", cwd=tmp_path)
    assert "deformation" in helped.stdout, helped.stderr
    refused = called(library / "ground-motion", "ingest", "points.csv", cwd=tmp_path)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "ground-motion-monitor[service]" in refused.stderr
