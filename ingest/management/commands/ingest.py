"""manage.py ingest PATH…: load velocity products and radar images into the database."""

import sys
import time
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from ingest.errors import AlreadyLoaded, InputError
from ingest.readers import FORMATS, SCENE_READERS, SUFFIXES, recognise
from ingest.scene_services import pairs_make, scene_load
from ingest.services import product_load


class Command(BaseCommand):
    help = (
        "Load velocity products and images. Each file is loaded wholly or not at all; exit code 2 if one could not be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders of them")
        parser.add_argument("--format", default="auto", choices=["auto", *FORMATS])
        parser.add_argument(
            "--attribution", default="", help="line to show on the map where the file does not name its source"
        )
        parser.add_argument("--licence", default="")
        parser.add_argument("--skip-loaded", action="store_true", help="a file that is already loaded is no error")

    def handle(self, *args, **options) -> None:
        failed = False
        for path in (file for given in options["paths"] for file in self._files(given)):
            try:
                if path.is_dir():
                    raise InputError(path, "this folder holds no file of a known format", "Give files")
                self._load(path, options)
            except AlreadyLoaded as known:
                if options["skip_loaded"]:
                    self.stdout.write(f"{known}")
                else:
                    failed = self._refuse(known)
            except InputError as fault:
                failed = self._refuse(fault)
        self._pair()
        if failed:
            sys.exit(2)

    def _refuse(self, fault: InputError) -> bool:
        self.stderr.write(f"{fault}")
        return True

    def _pair(self) -> None:
        """New images are paired at once; the scheduled job would do it a little later."""
        new = pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS)
        if new:
            self.stdout.write(f"{new} new pairs of images")

    def _files(self, path: Path) -> list[Path]:
        """A folder stands for every file in it that could be one of ours; for itself where there is none."""
        if not path.is_dir():
            return [path]
        found = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
        return found or [path]

    def _load(self, path: Path, options: dict) -> None:
        kept = {name: options[name] for name in ("attribution", "licence")} | {"source_format": options["format"]}
        if recognise(path) in SCENE_READERS:
            scene = scene_load(path=path, **kept)
            self.stdout.write(f"{path.name}: loaded as scene {scene.pk} ({scene.name}), {scene.rows} x {scene.cols} px")
        else:
            self._load_product(path, kept)

    def _load_product(self, path: Path, kept: dict) -> None:
        started = time.monotonic()
        with tqdm(unit=" points", unit_scale=True, desc=path.name, leave=False, disable=not sys.stderr.isatty()) as bar:
            product = product_load(path=path, progress=bar.update, **kept)
        seconds = time.monotonic() - started
        refused = f", {product.n_refused:,} rows refused" if product.n_refused else ""
        self.stdout.write(
            f"{path.name}: loaded as product {product.pk} ({product.name}), {product.n_points:,} points, "
            f"{len(product.dates)} dates{refused}, {seconds:.1f} s"
        )
