"""Containers, by podman and buildah with a store of their own, and substitutes for base images without a registry."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEBIAN = "bookworm"
PYTHON_BASE, NGINX_BASE = "python:3.11-slim-bookworm", "nginx:1.28-bookworm"
LISTED = {  # packages of the base, with their shared libraries
    package: set(libraries)
    for package, *libraries in map(str.split, (ROOT / "docker" / "base-packages.txt").read_text().splitlines())
    if not package.startswith(("#", "+"))
}
BASES = {  # substitutes for base images if no registry answers: Debian with these packages
    PYTHON_BASE: tuple(LISTED),
    NGINX_BASE: ("nginx", "libnginx-mod-stream", "gettext-base", "curl"),
}
PYTHON_PACKAGES = ("python3-pip", "python-is-python3")
EXPAT, OWN_EXPAT = "libexpat.so.1", "libexpat.so.P"  # of the same length, because it is replaced within binaries


def say(words: str) -> None:
    """Print a text without buffering it."""
    print(words, flush=True)


def limits() -> list[str]:
    """Return options for low limits: podman raises limits by default, which needs a privilege that may be missing."""
    return ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]


class Engine:
    """Interface to podman and buildah, with a store of images and containers apart from the machine's."""

    def __init__(self, store: Path) -> None:
        store.mkdir(parents=True, exist_ok=True)
        self.store = ["--root", str(store / "storage"), "--runroot", str(store / "run"), "--storage-driver", "overlay"]

    def podman(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run podman with this store."""
        command = ["podman", *self.store, "--cgroup-manager", "cgroupfs", *arguments]
        return subprocess.run(command, check=check, text=True, **options)

    def out(self, *arguments: str) -> str:
        """Return what podman prints."""
        return self.podman(*arguments, stdout=subprocess.PIPE).stdout.strip()

    def have_base(self, name: str, packages: tuple[str, ...]) -> None:
        """Pull a base image if it is missing; if no registry answers, make a substitute of Debian and packages."""
        if not self.podman("image", "exists", name, check=False).returncode:
            return
        if not self.podman("pull", "--quiet", f"docker.io/library/{name}", check=False, timeout=300).returncode:
            return
        say(f"no registry answers: Debian with {len(packages)} named packages stands in for {name}")
        with tempfile.TemporaryDirectory() as folder:
            include = f"--include={','.join(packages)}"
            subprocess.run(
                ["debootstrap", "--variant=minbase", include, DEBIAN, folder], check=True, stdout=subprocess.DEVNULL
            )
            if name == PYTHON_BASE:
                unpack_python(Path(folder))
            with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packed:
                self.podman("import", "--quiet", "-", f"docker.io/library/{name}", stdin=packed.stdout)

    def compare_base(self) -> None:
        """End the program if the base of docker/Dockerfile differs from docker/base-packages.txt."""
        run = ("run", "--rm", "--network", "none", *limits(), "--entrypoint", "sh", PYTHON_BASE, "-c")
        packages = set(self.out(*run, "dpkg-query --show --showformat '${Package} '").split())
        if packages != LISTED.keys():
            sys.exit(f"{PYTHON_BASE} has other packages than docker/base-packages.txt: {packages ^ LISTED.keys()}")
        known = set().union(*LISTED.values(), {OWN_EXPAT})
        loaded = set(re.findall(r"^\t(\S+)", self.out(*run, "ldconfig -p"), re.MULTILINE))
        if unknown := {name for name in loaded - known if not name.startswith("libpython")}:
            sys.exit(f"{PYTHON_BASE} has libraries that docker/base-packages.txt does not list: {unknown}")
        say(f"{PYTHON_BASE} has the {len(packages)} packages of the list, and no other library")

    def build(self, source: Path, tag: str, commit: str) -> None:
        """Build an image of a source tree."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as pip:
            volumes = machines_pip(pip)
            command = [
                "buildah",
                *self.store,
                "bud",
                "--isolation",
                "chroot",
                "--network",
                "host",
                "--pull-never",
                "--layers",
            ]
            command += [part for volume in volumes for part in ("--volume", volume)]
            command += ["--build-arg", f"GROUND_MOTION_COMMIT={commit}", "--file", "docker/Dockerfile", "--tag", tag]
            built = subprocess.run([*command, "."], cwd=source, check=False, capture_output=True, text=True)
        if built.returncode:
            sys.exit(f"{tag} could not be built:\n{built.stdout[-2000:]}{built.stderr[-2000:]}")


def unpack_python(root: Path) -> None:
    """Unpack Debian's Python and pip into a root without installing their packages, and so without libexpat1.

    The official image compiles Python with an expat of its own. Debian's Python is linked to the shared library, which
    is put here under a name that no other module looks for.
    """
    apt = ["chroot", str(root), "apt-get", "--quiet=2"]
    for arguments in (["clean"], ["update"], ["--download-only", "--no-install-recommends", "install"]):
        packages = PYTHON_PACKAGES if arguments[-1] == "install" else ()
        subprocess.run([*apt, *arguments, *packages], check=True, stdout=subprocess.DEVNULL)
    for archive in (root / "var/cache/apt/archives").glob("*.deb"):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as unpacked:
            subprocess.run(["tar", "-C", root, "-x", "--keep-directory-symlink"], stdin=unpacked.stdout, check=True)
    subprocess.run([*apt, "clean"], check=True)
    (library,) = (root / "usr/lib").glob(f"*/{EXPAT}.*")
    program = root / "usr/bin/python3.11"
    for path, target in ((program, program), (library, root / "usr/local/lib" / OWN_EXPAT)):
        target.write_bytes(path.read_bytes().replace(EXPAT.encode(), OWN_EXPAT.encode()))
    for path in (*library.parent.glob("libexpat*"), *(root / "usr/lib").glob("python3*/EXTERNALLY-MANAGED")):
        path.unlink()
    subprocess.run(["chroot", root, "ldconfig"], check=True)


def machines_pip(into: Any) -> list[str]:
    """Write this machine's pip configuration to a file; return the volumes through which a build sees what it names."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    values = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", listed.stdout, re.MULTILINE))
    into.write("[global]\n" + "".join(f"{name} = {value}\n" for name, value in values.items()))
    into.flush()
    named = [Path(word.removeprefix("file://")) for value in values.values() for word in value.split()]
    present = {path.parent if path.is_dir() else path for path in named if path.is_absolute() and path.exists()}
    return [f"{into.name}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in sorted(present))]
