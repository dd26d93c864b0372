"""Locks: every file by its hash, torch by its build, and no package index by name."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-extras.lock", "requirements-dev.lock"]
HOSTS = {  # of examples, of this machine, and of sources of data
    "127.0.0.1",
    "broker",
    "host",
    "localhost",
    "motion.example.org",
    "bucket",  # of an object store
    "nominatim.example.org",
    "s3.example.org",
    "stac.dataspace.copernicus.eu",
    "user",
    "ground_motion",
    "ground_motion_application",
    "ground_motion_owner",
    "ground_motion_reader",
}


def pins(name: str) -> dict[str, str]:
    entries = re.split(r"\n(?=[a-z])", (ROOT / name).read_text())
    return {re.split("==", entry)[0]: entry for entry in entries if "==" in entry}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes(name):
    entries = pins(name)
    assert len(entries) > 10
    assert all("--hash=sha256:" in entry for entry in entries.values())


def test_no_package_is_locked_twice_and_no_cuda():
    names = [name for lock in LOCKS for name in pins(lock)]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton", "torch"))]


def test_all_that_the_project_asks_for_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [
        text for name in ("acquire", "mail", "s3", "terrain", "dev") for text in extras[name]
    ]
    names = {canonicalize_name(Requirement(text).name) for text in wanted} - {"torch", project["name"]}
    assert names <= {name for lock in LOCKS for name in pins(lock)}
    torch = next(text for text in project["dependencies"] if text.startswith("torch"))
    assert torch in (ROOT / "requirements-torch.lock").read_text().splitlines()


def test_no_package_index_is_named():
    paths = [ROOT / name for name in (*LOCKS, "requirements-torch.lock", "pyproject.toml", ".env.example")]
    paths += [path for folder in ("scripts", "docker") for path in (ROOT / folder).iterdir() if path.is_file()]
    named = {(path.name, host) for path in paths for host in re.findall(r"://([A-Za-z0-9_.-]+)", path.read_text())}
    unknown = {(name, host) for name, host in named if host not in HOSTS and name != "vendor"}
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
        builds = {
            "torch==2.0+cpu": torch_installer.Build("2.0+cpu", False),
            "torch==2.0": torch_installer.Build("2.0", True),
        }
        monkeypatch.setattr(torch_installer, "offered", builds.get)
        assert torch_installer.chosen("2.0", gpu=False).version == "2.0+cpu"
        assert torch_installer.chosen("2.0", gpu=True).version == "2.0"

    def test_where_an_index_has_cuda_only_it_is_taken_with_a_warning(self, torch_installer, monkeypatch, capsys):
        monkeypatch.setattr(torch_installer, "offered", {"torch==2.0": torch_installer.Build("2.0", True)}.get)
        assert torch_installer.chosen("2.0", gpu=False).cuda
        assert "TORCH_INDEX_URL" in capsys.readouterr().err
