"""Locks: every file by its hash, torch by its build, and no package index by name."""

import hashlib
import itertools
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "service/pyproject.toml"
LOCKS = ["requirements.lock", "requirements-extras.lock", "requirements-dev.lock"]
TORCH_LOCK = "requirements-torch.lock"
PYTHONS = ("3.11", "3.12", "3.13")
HOSTS = """
127.0.0.1 broker host localhost motion.example.org files.example.org git.example.org bucket identity.example.org
nominatim.example.org proxy.example.org s3.example.org earthquake.usgs.gov stac.dataspace.copernicus.eu
www.seismicportal.eu user ground_motion ground_motion_application ground_motion_owner ground_motion_reader
"""  # hosts of examples, of this machine and of sources of data


def pins(name: str) -> dict[str, str]:
    entries = re.split(r"\n(?=[a-z])", (ROOT / name).read_text())
    return {re.split("==", entry)[0]: entry for entry in entries if "==" in entry}


@pytest.mark.parametrize("name", [*LOCKS, TORCH_LOCK])
def test_every_pin_has_hashes(name):
    entries = pins(name)
    assert len(entries) > 10
    assert all("--hash=sha256:" in entry for entry in entries.values())


def test_no_package_is_locked_twice_and_no_cuda():
    names = [name for lock in LOCKS for name in pins(lock)]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton", "torch"))]


def test_all_that_the_project_asks_for_is_locked():
    projects = [tomllib.loads(path.read_text())["project"] for path in (ROOT / "pyproject.toml", SERVICE)]
    wanted = [sum(project["optional-dependencies"].values(), project["dependencies"]) for project in projects]
    names = {canonicalize_name(Requirement(text).name) for text in itertools.chain(*wanted)}
    assert names - {"torch", projects[0]["name"]} <= {name for lock in LOCKS for name in pins(lock)}
    torch = next(text for text in projects[0]["dependencies"] if text.startswith("torch"))
    builds = re.findall(r"^(torch==\S+)", (ROOT / TORCH_LOCK).read_text(), re.MULTILINE)
    assert builds == [torch, f"{torch}+cpu"]


def test_the_project_allows_the_pythons_that_setup_takes():
    allowed, again = (
        SpecifierSet(tomllib.loads(path.read_text())["project"]["requires-python"])
        for path in (ROOT / "pyproject.toml", SERVICE)
    )
    assert allowed == again
    assert all(allowed.contains(f"{version}.0") for version in PYTHONS)
    assert not any(allowed.contains(version) for version in ("3.10.9", "3.14.0"))
    assert "(3, 11) <= sys.version_info < (3, 14)" in (ROOT / "scripts/setup").read_text()


def test_a_package_that_two_pythons_need_in_two_versions_keeps_both_entries():
    lock = runpy.run_path(str(ROOT / "scripts/lock"))
    old = "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n"
    new = "numpy==2.5.1 ; python_full_version >= '3.12' \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
    scipy = "scipy==1.18.0 \\\n    --hash=sha256:33\n"
    assert lock["pins"](f"# made\n{old}{new}{scipy}") == {"numpy": old + new, "scipy": scipy}


def test_no_package_index_is_named():
    paths = [ROOT / name for name in (*LOCKS, TORCH_LOCK, "pyproject.toml", "service/pyproject.toml", ".env.example")]
    paths += [path for folder in ("scripts", "docker") for path in (ROOT / folder).iterdir() if path.is_file()]
    named = {(path.name, host) for path in paths for host in re.findall(r"://([A-Za-z0-9_.-]+)", path.read_text())}
    unknown = {(name, host) for name, host in named if host not in HOSTS.split() and name != "vendor"}
    assert not unknown


class TestTheBuildOfTorch:
    @pytest.fixture
    def torch_installer(self, monkeypatch):
        monkeypatch.syspath_prepend(str(ROOT / "scripts"))
        monkeypatch.delitem(sys.modules, "install_torch", raising=False)
        import install_torch

        return install_torch

    @pytest.mark.parametrize(("answer", "expected"), [("yes", True), ("no", False)])
    def test_the_setting_decides_before_the_machine(self, torch_installer, monkeypatch, answer, expected):
        monkeypatch.setenv("GROUND_MOTION_GPU", answer)
        assert torch_installer.wants_gpu() is expected

    def test_cuda_is_seen_in_the_requirements(self, torch_installer):
        assert torch_installer.needs_cuda(["jinja2", "nvidia-cublas==13.1; platform_system == 'Linux'"])
        assert not torch_installer.needs_cuda(["jinja2", "nvidia-cublas==13.1; platform_system == 'Windows'"])
        assert not torch_installer.needs_cuda(["filelock", "optree>=0.13; extra == 'optree'"])

    def test_the_cpu_build_is_taken_where_an_index_has_both(self, torch_installer, monkeypatch):
        build = torch_installer.Build
        builds = {"torch==2.0+cpu": build("2.0+cpu", False), "torch==2.0": build("2.0", True)}
        monkeypatch.setattr(torch_installer, "offered", builds.get)
        assert torch_installer.chosen("2.0", gpu=False).version == "2.0+cpu"
        assert torch_installer.chosen("2.0", gpu=True).version == "2.0"


class TestTheHashOfTorch:
    """pip itself, in an environment of its own, and an index of small files that are called torch."""

    @pytest.fixture
    def machine(self, tmp_path) -> "Machine":
        return Machine(tmp_path)

    @pytest.fixture
    def cuda(self, machine) -> tuple[str, str]:
        """Offer a CUDA build of torch and the library that it needs; return the hash of each."""
        torch = machine.offer("torch", "2.0", requires="nvidia-cublas>=1")
        return torch, machine.offer("nvidia-cublas", "1.0")

    def test_a_build_of_the_lock_is_installed_and_another_file_of_its_name_is_refused(self, machine):
        machine.lock(torch=machine.offer("torch", "2.0"), cpu=machine.offer("torch", "2.0+cpu"))
        exchanged = machine.offer("torch", "2.0+cpu", "exchanged")
        done = machine.install()
        assert done.returncode == 1
        assert exchanged in done.stderr
        assert "TORCH_SHA256" in done.stderr
        assert machine.has() == {}
        machine.offer("torch", "2.0+cpu")
        done = machine.install()
        assert (done.returncode, machine.has()) == (0, {"torch": "2.0+cpu"}), done.stderr

    def test_another_build_is_installed_where_its_hash_is_allowed(self, machine):
        machine.lock(torch="00", cpu="11")
        done = machine.install(TORCH_SHA256=f"22 {machine.offer('torch', '2.0+cpu')}")
        assert (done.returncode, machine.has()) == (0, {"torch": "2.0+cpu"}), done.stderr

    def test_a_cuda_build_comes_with_the_libraries_of_the_lock_and_not_with_others_of_their_name(self, machine, cuda):
        machine.lock(torch=cuda[0], cpu="11", library=cuda[1])
        machine.offer("nvidia-cublas", "1.1", "newer than the lock's")
        machine.offer("nvidia-cublas", "1.0", "exchanged")
        assert machine.install(GROUND_MOTION_GPU="yes").returncode == 1
        assert machine.has() == {}
        machine.offer("nvidia-cublas", "1.0")
        done = machine.install(GROUND_MOTION_GPU="yes")
        assert (done.returncode, machine.has()) == (0, {"torch": "2.0", "nvidia-cublas": "1.0"}), done.stderr

    def test_where_only_the_other_build_is_to_be_had_the_index_is_asked_once(self, machine, cuda):
        machine.lock(torch=cuda[0], cpu="11", library=cuda[1])
        assert "TORCH_INDEX_URL" in machine.install().stderr
        shutil.rmtree(machine.index)
        again = machine.install()
        assert (again.returncode, again.stderr) == (0, "")

    def test_libraries_that_no_lock_knows_are_announced(self, machine, cuda):
        machine.lock(torch="00", cpu="11")
        done = machine.install(GROUND_MOTION_GPU="yes", TORCH_SHA256=cuda[0])
        assert "no hashes of the CUDA libraries" in done.stderr
        assert machine.has() == {"torch": "2.0", "nvidia-cublas": "1.0"}


class Machine:
    """An environment with pip, a lock, and a folder that is its package index."""

    def __init__(self, folder: Path) -> None:
        self.scripts, self.index, self.environment = folder / "scripts", folder / "index", folder / "environment"
        self.scripts.mkdir()
        self.index.mkdir()
        shutil.copy(ROOT / "scripts/install_torch.py", self.scripts)
        venv.create(self.environment, symlinks=True)
        (self.packages,) = self.environment.glob("lib/python*/site-packages")
        for name in ("pip", "packaging"):
            source = Path(str(metadata.distribution(name).locate_file(name)))
            (self.packages / name).symlink_to(source, target_is_directory=True)

    def offer(self, name: str, version: str, content: str = "", requires: str = "") -> str:
        """Put a wheel into the index; return its sha256."""
        stem = f"{name.replace('-', '_')}-{version}"
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        texts = {
            f"{stem}.dist-info/METADATA": head + (f"Requires-Dist: {requires}\n" if requires else ""),
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{stem}.dist-info/RECORD": "",
            f"{name.replace('-', '_')}.py": f"# {content}\n",
        }
        path = self.index / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for member, text in texts.items():
                wheel.writestr(zipfile.ZipInfo(member), text)  # A fixed time makes the same bytes again.
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def lock(self, torch: str, cpu: str, library: str = "") -> None:
        entries = [("torch==2.0", torch), ("torch==2.0+cpu", cpu)]
        entries += [("nvidia-cublas==1.0 ; sys_platform == 'linux'", library)] if library else []
        text = "".join(f"{entry} \\\n    --hash=sha256:{sha256.ljust(64, '0')}\n" for entry, sha256 in entries)
        (self.scripts.parent / TORCH_LOCK).write_text(f"# Made by a test.\n{text}")

    def install(self, **settings: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "TORCH_", "PYTHON"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "yes", "PIP_FIND_LINKS": str(self.index)}
        command = [self.environment / "bin/python", self.scripts / "install_torch.py"]
        environment = kept | pip | {"GROUND_MOTION_GPU": "no"} | settings
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def has(self) -> dict[str, str]:
        """Return what was installed, with its versions."""
        return {found.metadata["Name"]: found.version for found in metadata.distributions(path=[str(self.packages)])}
