"""manage.py loaddemo: load a simulated nation, its velocity fields and radar images, marked as such on every page."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ground_motion.core.errors import AlreadyLoaded
from ground_motion.readers.context.records import ContextKind
from ground_motion.simulation.files import borders, passes, rivers, settled
from ground_motion.simulation.files import nation as nation_files
from ground_motion.simulation.files.context import write_heights
from ground_motion.simulation.nation import Nation, NationConfig, simulate_nation
from ground_motion.simulation.nation_scenes import AreaImages, simulate_images
from ingest.context.services import context_load
from ingest.context.simulated_truth import truth_load
from ingest.jobs.child import arrival_load
from ingest.models import ContextLayer, Product, Scene, SimulatedTruth
from ingest.products.derived import derived_make
from ingest.products.services import product_load
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from monitor.subscribers.organisations.contacts import demo_organisation_make
from monitor.subscribers.organisations.lines import demo_line_make
from monitor.subscribers.subscriptions.services import VILLAGE_ADDRESS, VILLAGE_RADIUS_M, demo_subscription_make
from monitor.web.guards import mails_are_shown
from monitor.wording.regions import circle


class Command(BaseCommand):
    """Command that loads the demo's data."""

    help = "Simulate a small country and load it; does nothing where a simulation is loaded."
    requires_system_checks = []  # `prepare` has made them
    config = NationConfig()  # Tests load a smaller one.

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the seed of the simulation."""
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load what is missing."""
        missing = [
            load
            for known, load in (
                (Product.objects.filter(simulated=True), self._products),
                (Scene.objects.filter(simulated=True), self._scenes),
                (ContextLayer.objects.filter(simulated=True), self._context),
                (SimulatedTruth.objects.all(), self._truth),
            )
            if not known.exists()
        ]
        if not missing:
            self.stdout.write("a simulation is loaded already")
            return
        if mails_are_shown():
            demo_subscription_make()
        with self._timed("simulated"):
            nation = simulate_nation(options["seed"], self.config)
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside:
            images = beside.submit(simulate_images, nation)  # The images are made on another core meanwhile.
            for load in missing:
                load(nation, images, Path(folder))

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.stdout.write(f"{what} in {time.monotonic() - start:.1f} s")

    def _products(self, nation: Nation, images: Future[tuple[AreaImages, ...]], folder: Path) -> None:
        with self._timed("velocity fields written"):
            paths = nation_files.write_products(nation, folder / "products")
        with self._timed("velocity fields loaded"):
            for path in paths:
                try:
                    product = product_load(path=path)
                except AlreadyLoaded as known:
                    self.stdout.write(str(known))
                    continue
                self.stdout.write(f"product {product.pk} ({product.name}): {product.n_points:,} points")
        with self._timed("up and east derived"):
            for product in derived_make():
                self.stdout.write(f"derived product {product.pk} ({product.name}): {product.n_points:,} cells")
        # Only these passes after the release show a village that begins to sink.
        if mails_are_shown():
            ((longitude, latitude),) = nation_files.geographic(nation.region.terrain.frame, [passes.SINKING.at])
            place = round(longitude, 4), round(latitude, 4)
            demo_subscription_make(email=VILLAGE_ADDRESS, place=place, radius_m=VILLAGE_RADIUS_M)
            municipality = f"Municipality of {passes.SINKING.name}"
            demo_organisation_make(name=municipality, region=circle(*place, VILLAGE_RADIUS_M))
            demo_line_make(corners=nation_files.geographic(nation.region.terrain.frame, settled.RAILWAY))
        with self._timed("interferograms written and loaded"):
            for path in passes.write_passes(nation, folder / "passes"):
                arrival_load(path=path)

    def _context(self, nation: Nation, images: Future[tuple[AreaImages, ...]], folder: Path) -> None:
        """Load simulated borders, places, heights, a glacier, mines, buildings, roads and rivers as context."""
        layers = (
            (ContextKind.REGIONS, borders.write_border(nation, folder / "country.geojson")),
            (ContextKind.REGIONS, borders.write_provinces(nation, folder / "provinces.geojson")),
            (ContextKind.PLACES, nation_files.write_villages(nation, folder / "places.csv")),
            (ContextKind.ELEVATION, write_heights(nation.region, folder / "heights.tif")),
            (ContextKind.GLACIERS, nation_files.write_glacier(nation, folder / "glaciers.geojson")),
            (ContextKind.MINES, nation_files.write_mines(nation, folder / "mines.geojson")),
            (ContextKind.BUILDINGS, settled.write_buildings(nation, folder / "buildings.geojson")),
            (ContextKind.ROADS, settled.write_roads(nation, folder / "roads.geojson")),
            (ContextKind.RAILWAYS, settled.write_railway(nation, folder / "railways.geojson")),
            (ContextKind.POPULATION, settled.write_population(nation, folder / "people.tif")),
            (ContextKind.RIVERS, rivers.write_rivers(nation, folder / "rivers.geojson")),
        )
        for kind, path in layers:
            layer = context_load(path=path, kind=kind, simulated=True, attribution="Simulated data")
            self.stdout.write(f"simulated {layer.kind}: {layer.n_features}")

    def _scenes(self, nation: Nation, images: Future[tuple[AreaImages, ...]], folder: Path) -> None:
        with self._timed("images written and loaded"):
            paths = nation_files.write_images(images.result(), folder / "images")
            for path in paths:
                scenes_load(path=path)
        pairs = pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS)
        self.stdout.write(f"{len(paths)} simulated images, {pairs} pairs")

    def _truth(self, nation: Nation, images: Future[tuple[AreaImages, ...]], folder: Path) -> None:
        """Store the simulated truth, which the map can show; detection never reads it."""
        n = truth_load(path=nation_files.write_truth(nation, images.result(), folder / "truth.geojson"))
        self.stdout.write(f"{n} outlines of what was simulated")
