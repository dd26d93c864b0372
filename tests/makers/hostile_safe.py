"""Hostile Sentinel-1 products: zips that are called like one and hold XML, links, sizes and grids made to harm."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.makers.hostile import VRT, Hostile, Trap
from tests.makers.simulated_safe import Flight, Recipe, make

SMALL = Recipe(flight=Flight(lines=32, pixels=48), polarisations=("VV",), grid=(3, 4))
FILE = f"{SMALL.name}.zip"
Change = Callable[[str, bytes, Trap], bytes]  # name of a member, what it holds, the trap -> what it shall hold


def safes() -> Iterator[Hostile]:
    bodies = {
        "billion laughs": '<!DOCTYPE a [<!ENTITY l0 "lol"><!ENTITY l1 "&l0;&l0;&l0;&l0;">]><a>&l1;</a>',
        "external entity": '<!DOCTYPE a [<!ENTITY b SYSTEM "file://{canary}">]><product>&b;</product>',
        "external dtd": '<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/x.dtd"><product/>',
        "deep": "<a>" * 200_000 + "</a>" * 200_000,
        "nothing": "",
    }
    for part in ("manifest.safe", "annotation/s1a", "calibration-", "noise-"):
        for what, body in bodies.items():
            yield Hostile(f"safe with {what} in {part}", FILE, _changed(part, _text(body)))
    image = "measurement/"
    yield Hostile("safe with a vrt", FILE, _changed(image, _text(VRT.format(source="{canary}"))))
    yield Hostile("safe with a bomb of an image", FILE, _changed(image, lambda name, held, trap: held + bytes(2**28)))
    yield Hostile("safe with a bomb of xml", FILE, _changed("noise-", lambda name, held, trap: held + b" " * 2**27))
    for what, old, new in (
        ("a huge image", b"numberOfSamples>48<", b"numberOfSamples>199999<"),
        ("a huge grid", b"<rangePixelSpacing>1", b"<rangePixelSpacing>1e-300 1"),
        ("places that are no numbers", b"<latitude>4", b"<latitude>nan4"),
        ("places all over the Earth", b"<longitude>1.", b"<longitude>-9."),
        ("heights out of this world", b"<height>0", b"<height>9e300"),
    ):
        yield Hostile(f"safe with {what}", FILE, _changed("annotation/s1a", _replaced(old, new)))
    yield Hostile("safe with another name inside", FILE, _named("../../escaped.xml"))
    yield Hostile("safe with ten thousand files", FILE, _named(*(f"{number}.txt" for number in range(10_000))))


def _text(body: str) -> Change:
    return lambda name, held, trap: trap.named_in(body).encode()


def _replaced(old: bytes, new: bytes) -> Change:
    return lambda name, held, trap: held.replace(old, new, 1)


def _members() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(make(Path(folder), SMALL, packed=True)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _changed(part: str, change: Change) -> Callable[[Path, Trap], object]:
    def make_it(path: Path, trap: Trap) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, held in _members().items():
                archive.writestr(name, change(name, held, trap) if part in name and not name.endswith("/") else held)

    return make_it


def _named(*names: str) -> Callable[[Path, Trap], object]:
    def make_it(path: Path, trap: Trap) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, held in (_members() | dict.fromkeys(names, b"x")).items():
                archive.writestr(name, held)

    return make_it
