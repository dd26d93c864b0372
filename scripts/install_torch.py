"""Install the locked torch into the environment whose Python runs this: its CPU build, or its CUDA build for a GPU.

The CPU build is taken unless nvidia-smi finds a GPU; GROUND_MOTION_GPU=yes or no decides instead. TORCH_INDEX_URL is
the package index that has the wanted build; unset, pip's own. Where an index has the CUDA build (4 GB) only, that is
installed, with a warning where a CPU build is wanted.

A build is installed only if requirements-torch.lock or TORCH_SHA256 has its hash. The lock has the hashes of the CUDA
libraries of its own builds; those of a build that TORCH_SHA256 allows are installed as the index gives them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

LOCK = Path(__file__).resolve().parent.parent / "requirements-torch.lock"
SOUGHT = Path(sys.prefix, ".torch-sought")  # An index without the wanted build is not searched again.
ONLY_CPU = "The package index has torch's CPU build only; TORCH_INDEX_URL can name another one."
ONLY_CUDA = (
    "The package index has torch {version} with CUDA only: 4 GB, which a machine without a GPU cannot use. To save "
    "them, set TORCH_INDEX_URL to an index with CPU builds (PyTorch has one, named on its site under Get started)."
)
UNKNOWN = (
    "torch {version} of the package index has the sha256 {sha256}, which is not in requirements-torch.lock: it is not "
    "installed. If the publisher of this build states the same sha256, set TORCH_SHA256 to it."
)
UNCHECKED = (
    "requirements-torch.lock has no hashes of the CUDA libraries of torch {version}; they are installed as the index "
    "gives them."
)


class Build(NamedTuple):
    """A build of torch, and the hash of its file."""

    version: str
    cuda: bool
    sha256: str = ""


def wants_gpu() -> bool:
    """Return whether the CUDA build is wanted: as GROUND_MOTION_GPU states, else where there is a GPU."""
    answer = os.environ.get("GROUND_MOTION_GPU", "").strip().lower()
    if answer:
        return answer in ("yes", "true", "1", "on")
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def needs_cuda(requirements: list[str]) -> bool:
    """Return whether a build of torch needs the CUDA libraries here, by the requirements in its metadata."""
    needed = [one for one in map(Requirement, requirements) if one.marker is None or one.marker.evaluate({"extra": ""})]
    return any(one.name.startswith(("nvidia", "cuda", "triton")) for one in needed)


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pip install with these arguments, from TORCH_INDEX_URL if that is set."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    if url := os.environ.get("TORCH_INDEX_URL", "").strip():
        command += ["--index-url", url]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def offered(requirement: str) -> Build | None:
    """Return the build that the index in use has for a requirement, without installing it; None if it has none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        if pip("--dry-run", "--ignore-installed", "--no-deps", "--report", str(report), requirement).returncode:
            return None
        found = json.loads(report.read_text())["install"][0]
        torch, archive = found["metadata"], found["download_info"]["archive_info"]
        sha256 = archive["hash"].removeprefix("sha256=")  # Debian 12's pip has no `hashes` yet
        return Build(torch["version"], needs_cuda(torch.get("requires_dist", [])), sha256)


def installed() -> Build | None:
    """Return the build that is installed, without its hash; None if there is none."""
    try:
        torch = metadata.distribution("torch")
    except metadata.PackageNotFoundError:
        return None
    return Build(torch.version, needs_cuda(torch.requires or []))


def chosen(version: str, gpu: bool) -> Build:
    """Return the wanted build, else the other one with a warning; end the program if there is none."""
    # PyTorch's label of its CPU build, if an index has two builds.
    wanted = (version,) if gpu else (f"{version}+cpu", version)
    only_cuda = None
    for one in wanted:
        build = offered(f"torch=={one}")
        if build and gpu and not build.cuda:
            print(ONLY_CPU, file=sys.stderr)
        if build and (gpu or not build.cuda):
            return build
        only_cuda = build
    if not only_cuda:
        sys.exit(
            f"No package index in use has torch {version} for this machine. Set TORCH_INDEX_URL to one that has it."
        )
    print(ONLY_CUDA.format(version=version), file=sys.stderr)
    return only_cuda


def install(version: str, *arguments: str) -> None:
    """Run pip install with these arguments; if it fails, end the program with a message that names the version."""
    done = pip(*arguments)
    if done.returncode:
        sys.exit(f"torch {version} could not be installed: {(done.stderr.strip().splitlines() or [''])[-1]}")


def install_build(build: Build, locked: dict[str, str], allowed: list[str]) -> None:
    """Install a build whose hash is locked or allowed, with its CUDA libraries; otherwise end the program."""
    requirement = f"torch=={build.version}"
    is_locked = build.sha256 in locked.get(requirement, "")
    if not is_locked and build.sha256 not in allowed:
        sys.exit(UNKNOWN.format(version=build.version, sha256=build.sha256))
    print(f"installing torch {build.version}{' with CUDA' if build.cuda else ''}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        torch, libraries = Path(folder, "torch"), Path(folder, "libraries")
        torch.write_text(f"{requirement} --hash=sha256:{build.sha256}\n")
        libraries.write_text("".join(entry for name, entry in locked.items() if not name.startswith("torch==")))
        if build.cuda and is_locked:  # before torch: if this fails, the next run tries it again
            install(build.version, "--no-deps", "--require-hashes", "-r", str(libraries))
        install(build.version, "--no-deps", "--require-hashes", "--force-reinstall", "-r", str(torch))
    if build.cuda and not is_locked:
        print(UNCHECKED.format(version=build.version), file=sys.stderr)
        install(build.version, requirement)  # its other requirements are in requirements.lock


def main() -> None:
    """Install the wanted build where it is not there yet."""
    entries = re.findall(r"^[a-z].*\\\n(?: .*\n)+", LOCK.read_text(), re.MULTILINE)
    locked = {entry.split()[0]: entry for entry in entries}  # Keys are as "torch==2.13.0"; hashes follow.
    version = next(iter(locked)).removeprefix("torch==")  # of the default index's build, which comes first
    gpu, present = wants_gpu(), installed()
    allowed = os.environ.get("TORCH_SHA256", "").split()
    sought = f"torch {version}, gpu {gpu}, index {os.environ.get('TORCH_INDEX_URL', '')}, sha256 {allowed}\n"
    is_answered = present and (present.cuda == gpu or (SOUGHT.exists() and SOUGHT.read_text() == sought))
    if present and is_answered and present.version.split("+")[0] == version:
        return
    build = chosen(version, gpu)
    if not present or present[:2] != build[:2]:
        install_build(build, locked, allowed)
    SOUGHT.write_text(sought)


if __name__ == "__main__":
    main()
