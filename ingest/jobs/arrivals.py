"""Arrivals (a file, or a folder that is one product), loaded by the service that their format asks for."""

from pathlib import Path
from typing import NamedTuple

from ingest.errors import InputError
from ingest.formats import READERS, SCENE_READERS, SUFFIXES, recognise
from ingest.models import Product, Scene
from ingest.products.loading import Expect, Progress
from ingest.products.services import products_load
from ingest.readers.records import PLAIN_SUBMISSION, Submission
from ingest.scenes.services import scenes_load


class Loaded(NamedTuple):
    """Outcome of a load."""

    products: list[Product]
    scenes: list[Scene]

    def __str__(self) -> str:
        lines = [f"scene {scene.pk} ({scene.name}), {scene.rows} x {scene.cols} px" for scene in self.scenes]
        for product in self.products:
            refused = f", {product.n_refused:,} rows refused" if product.n_refused else ""
            dates = f"{product.n_dates} dates" if product.has_series else "no series"
            lines.append(f"product {product.pk} ({product.name}), {product.n_points:,} points, {dates}{refused}")
        return "; ".join(lines)


def arrival_load(
    *,
    path: Path,
    submission: Submission = PLAIN_SUBMISSION,
    progress: Progress = lambda points: None,
    expect: Expect = lambda points: None,
) -> Loaded:
    """Load a file or folder as what it is. Raises InputError (AlreadyLoaded); then nothing has changed."""
    if recognise(path, submission.declared) in SCENE_READERS:
        return Loaded([], scenes_load(path=path, submission=submission))
    return Loaded(products_load(path=path, submission=submission, progress=progress, expect=expect), [])


def arrivals_in(path: Path) -> list[Path]:
    """List what is to be loaded for a path: itself, or what a folder that is no product holds. Raises InputError."""
    if not path.is_dir() or _is_product(path):
        return [path]
    inside = sorted(path.iterdir())
    arrivals = [one for one in inside if (_is_product(one) if one.is_dir() else one.suffix.lower() in SUFFIXES)]
    if not arrivals:
        raise InputError(path, "this folder holds no file of a known format", "Give files")
    return arrivals


def _is_product(folder: Path) -> bool:
    return any(reader.recognises(folder) for reader in READERS.values())
