"""manage.py loaddemo: a simulated region, marked as such on every page, and in a demo somebody who hears of it."""

import tempfile
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser

from ingest.errors import AlreadyLoaded
from ingest.models import Product
from ingest.services import product_load
from ml.simulation.region_files import write_region
from ml.simulation.velocity import simulate_region
from monitor.mailing import files
from monitor.mailing.subscriptions import demo_subscription_make


class Command(BaseCommand):
    help = "Simulate a small region and load it; does nothing where a simulated region is loaded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args, **options) -> None:
        if Product.objects.filter(simulated=True).exists():
            self.stdout.write("a simulated region is loaded already")
            return
        if files.pages_exist():
            demo_subscription_make()
        with tempfile.TemporaryDirectory() as folder:
            written = write_region(simulate_region(options["seed"]), Path(folder) / "region")
            for path in (path for path in written if path.suffix == ".zip"):
                try:
                    product = product_load(path=path)
                except AlreadyLoaded as known:
                    self.stdout.write(str(known))
                    continue
                self.stdout.write(f"product {product.pk} ({product.name}): {product.n_points:,} points")
