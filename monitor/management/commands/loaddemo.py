"""manage.py loaddemo: a simulated region with its velocity fields and radar images, marked as such on every page."""

import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ingest.context.readers.records import ContextKind
from ingest.context.services import context_load
from ingest.derived import derived_make
from ingest.errors import AlreadyLoaded
from ingest.models import ContextLayer, Product, Scene
from ingest.pair_services import pairs_make
from ingest.scene_services import scenes_load
from ingest.services import product_load
from ml.simulation.context_files import write_heights, write_villages
from ml.simulation.region_files import write_region
from ml.simulation.scene_files import write_series
from ml.simulation.scenes import simulate_scenes
from ml.simulation.velocity import Region, simulate_region
from monitor.mailing import files
from monitor.mailing.subscriptions import demo_subscription_make


class Command(BaseCommand):
    help = "Simulate a small region and load it; does nothing where a simulated region is loaded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args, **options) -> None:
        missing = [
            load
            for model, load in ((Product, self._products), (Scene, self._scenes), (ContextLayer, self._context))
            if not model.objects.filter(simulated=True).exists()
        ]
        if not missing:
            self.stdout.write("a simulated region is loaded already")
            return
        if files.pages_exist():
            demo_subscription_make()
        region = simulate_region(options["seed"])
        with tempfile.TemporaryDirectory() as folder:
            for load in missing:
                load(region, Path(folder))

    def _products(self, region: Region, folder: Path) -> None:
        for path in (path for path in write_region(region, folder / "region") if path.suffix == ".zip"):
            try:
                product = product_load(path=path)
            except AlreadyLoaded as known:
                self.stdout.write(str(known))
                continue
            self.stdout.write(f"product {product.pk} ({product.name}): {product.n_points:,} points")
        for product in derived_make():
            self.stdout.write(f"derived product {product.pk} ({product.name}): {product.n_points:,} cells")

    def _context(self, region: Region, folder: Path) -> None:
        """Invented villages and the island's own heights, so that its places have names and slopes."""
        villages, heights = (
            write_villages(region, folder / "villages.csv"),
            write_heights(region, folder / "heights.tif"),
        )
        for kind, path in ((ContextKind.PLACES, villages), (ContextKind.ELEVATION, heights)):
            layer = context_load(path=path, kind=kind, simulated=True, attribution="Simulated data")
            self.stdout.write(f"simulated {layer.kind}: {layer.n_features}")

    def _scenes(self, region: Region, folder: Path) -> None:
        images = write_series(simulate_scenes(region), folder / "scenes")
        for path in images:
            scenes_load(path=path)
        pairs = pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS)
        self.stdout.write(f"{len(images)} simulated images, {pairs} pairs")
