"""The images: what their bases have, and what the packages need of them; scripts/image builds one in minutes."""

import mmap
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ("requirements.lock", "requirements-extras.lock", "requirements-torch.lock")
IMAGE, GPU_IMAGE = ((ROOT / "docker" / name).read_text() for name in ("Dockerfile", "Dockerfile.gpu"))
LISTED = (ROOT / "docker" / "base-packages.txt").read_text()
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 1, 5, 15, 29


class Dynamic(NamedTuple):
    """Libraries that a shared module needs, and the folders searched for them before those of the system."""

    needed: list[str]
    folders: list[Path]


def dynamic(path: Path) -> Dynamic:
    """Read the dynamic section of a 64-bit ELF file (System V ABI, chapters 4 and 5)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert content[:6] == b"\x7fELF\x02\x01", f"{path} is no 64-bit ELF file of a little-endian machine"
        (start,), (size, count) = struct.unpack_from("<Q", content, 32), struct.unpack_from("<HH", content, 54)
        headers = [struct.unpack_from("<IIQQQQ", content, start + size * index) for index in range(count)]
        entries = defaultdict(list)
        for kind, _, offset, _, _, length in headers:
            if kind == PT_DYNAMIC:
                for tag, value in struct.iter_unpack("<qQ", content[offset : offset + length]):
                    entries[tag].append(value)
        if not entries:
            return Dynamic([], [])
        (strings,) = (
            offset + entries[DT_STRTAB][0] - address
            for kind, _, offset, address, _, length in headers
            if kind == PT_LOAD and address <= entries[DT_STRTAB][0] < address + length
        )

        def text(value: int) -> str:
            return content[strings + value : content.find(b"\0", strings + value)].decode()

        named = [text(value) for value in entries[DT_RPATH] + entries[DT_RUNPATH]]
        folders = [Path(part.replace("$ORIGIN", str(path.parent))) for one in named for part in one.split(":")]
        return Dynamic([text(value) for value in entries[DT_NEEDED]], folders)


def shared_modules() -> Iterator[tuple[str, Path]]:
    """Package and path of every shared module of the locked packages that are installed."""
    for lock in LOCKS:
        for name in re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE):
            try:
                files = metadata.files(name) or []
            except metadata.PackageNotFoundError:  # for other systems or versions of Python
                continue
            yield from ((name, Path(file.locate())) for file in files if re.search(r"\.so(\.\d+)*$", file.name))


def libraries(*packages: str) -> set[str]:
    """The libraries of the base, and of packages that an image adds to it."""
    lines = [line.split() for line in LISTED.splitlines() if not line.startswith("#")]
    return {
        library
        for package, *brought in lines
        if not package.startswith("+") or package[1:] in packages
        for library in brought
    }


def added(dockerfile: str) -> list[str]:
    return " ".join(re.findall(r"apt-get install --yes --no-install-recommends (.*) \\", dockerfile)).split()


def test_every_shared_module_of_the_packages_finds_its_libraries_in_the_image():
    needed, folders = defaultdict(set), defaultdict(set)
    for package, path in shared_modules():
        sections = dynamic(path)
        needed[package].update(sections.needed)
        folders[package].update(sections.folders)  # what a module loads is looked for in the folders of this, too
    missing = defaultdict(set)
    for package, names in needed.items():
        for library in names - libraries():
            if not any((folder / library).exists() for folder in folders[package]):
                missing[library].add(package)
    assert {"rasterio", "torch", "h5py", "psycopg-binary", "scipy"} <= needed.keys()
    assert missing == {"libexpat.so.1": {"rasterio"}}  # all that the base lacks
    assert missing.keys() <= libraries(*added(IMAGE))
    assert missing.keys() <= libraries(*added(GPU_IMAGE))  # whose base is not listed


def test_the_list_is_that_of_the_base():
    bases = re.findall(r"^FROM (\S+)", IMAGE, re.MULTILINE)
    assert set(bases) == {re.search(r"python:[\w.-]+\w", LISTED)[0]}


def test_both_images_write_the_shared_volume_as_one_user():
    users = [re.findall(r"(?:--uid|^USER) (\d+)", dockerfile, re.MULTILINE) for dockerfile in (IMAGE, GPU_IMAGE)]
    assert users == [["1000", "1000"]] * 2


def test_the_client_that_makes_backups_is_as_new_as_the_server():
    services = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())["services"]
    server = re.match(r"postgis/postgis:(\d+)-", services["db"]["image"])[1]
    assert f"postgresql-client-{server}" in added(IMAGE)
