"""Install the locked torch into the environment whose Python runs this: its CPU build, or its CUDA build for a GPU.

The CPU build is taken unless nvidia-smi finds a GPU; GROUND_MOTION_GPU=yes or no decides instead. TORCH_INDEX_URL is
the package index that has the wanted build; unset, pip's own. A CUDA build (4 GB) is never installed where a CPU build
is wanted: where an index has CUDA builds only, this ends with one line.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

LOCK = Path(__file__).resolve().parent.parent / "requirements-torch.lock"
ONLY_CUDA = (
    "The package index has torch {version} with CUDA only: 4 GB, which a machine without a GPU cannot use. To save "
    "them, set TORCH_INDEX_URL to an index with CPU builds (PyTorch has one, named on its site under Get started)."
)


class Build(NamedTuple):
    version: str
    cuda: bool


def wants_gpu() -> bool:
    answer = os.environ.get("GROUND_MOTION_GPU", "").strip().lower()
    if answer:
        return answer in ("yes", "true", "1", "on")
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def needs_cuda(requirements: list[str]) -> bool:
    """Whether a build of torch needs the CUDA libraries on this platform, by the requirements in its metadata."""
    needed = [one for one in map(Requirement, requirements) if one.marker is None or one.marker.evaluate({"extra": ""})]
    return any(one.name.startswith(("nvidia", "cuda", "triton")) for one in needed)


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    if url := os.environ.get("TORCH_INDEX_URL", "").strip():
        command += ["--index-url", url]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def offered(requirement: str) -> Build | None:
    """The build that the index in use has for a requirement, without installing it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        if pip("--dry-run", "--ignore-installed", "--no-deps", "--report", str(report), requirement).returncode:
            return None
        torch = json.loads(report.read_text())["install"][0]["metadata"]
        return Build(torch["version"], needs_cuda(torch.get("requires_dist", [])))


def installed() -> Build | None:
    try:
        torch = metadata.distribution("torch")
    except metadata.PackageNotFoundError:
        return None
    return Build(torch.version, needs_cuda(torch.requires or []))


def chosen(version: str, gpu: bool) -> Build:
    """The build to install: the wanted one, else the other with a warning; ends the program where there is none."""
    # where an index has two builds, PyTorch names the one for CPUs so
    wanted = (version,) if gpu else (f"{version}+cpu", version)
    builds = [build for build in (offered(f"torch=={one}") for one in wanted) if build]
    if not builds:
        sys.exit(
            f"No package index in use has torch {version} for this machine. Set TORCH_INDEX_URL to one that has it."
        )
    usable = [build for build in builds if gpu or not build.cuda]
    if not usable:
        print(ONLY_CUDA.format(version=version), file=sys.stderr)
        return builds[0]
    if gpu and not usable[0].cuda:
        print("The package index has torch's CPU build only; TORCH_INDEX_URL can name another one.", file=sys.stderr)
    return usable[0]


def main() -> None:
    version = next(line for line in LOCK.read_text().splitlines() if line.startswith("torch==")).removeprefix("torch==")
    gpu, present = wants_gpu(), installed()
    if present and present.version.split("+")[0] == version and present.cuda == gpu:
        return
    build = chosen(version, gpu)
    if build == present:
        return
    print(f"installing torch {build.version}{' with CUDA' if build.cuda else ''}", file=sys.stderr)
    requirement = f"torch=={build.version}"
    done = pip("--no-deps", "--force-reinstall", requirement)
    if build.cuda and not done.returncode:
        done = pip(requirement)  # and its CUDA libraries; all else that it needs is in requirements.lock
    if done.returncode:
        sys.exit(f"torch {build.version} could not be installed: {(done.stderr.strip().splitlines() or [''])[-1]}")


if __name__ == "__main__":
    main()
