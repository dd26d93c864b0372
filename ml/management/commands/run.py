"""manage.py run METHOD --product ID: run a detector now, in this process."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.models import Product
from ml import services
from ml.deformation.infer import METHODS
from ml.models import Run


class Command(BaseCommand):
    help = "Run a detector on one product, or on every product it has not seen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("method", choices=METHODS)
        parser.add_argument("--product", type=int, metavar="ID")

    def handle(self, *args, **options) -> None:
        version = services.model_version_current(method=options["method"])
        if options["product"] is None:
            runs = services.runs_queue(method=options["method"])
        else:
            product = Product.objects.filter(pk=options["product"]).first()
            if product is None:
                known = ", ".join(str(pk) for pk in Product.objects.order_by("id").values_list("id", flat=True)[:20])
                raise CommandError(
                    f"there is no product {options['product']}; there are: {known or 'none'}", returncode=2
                )
            runs = [services.run_queue(product=product, version=version)]
        for run in runs:
            self._execute(run)

    def _execute(self, run: Run) -> None:
        done = services.run_execute(run_id=run.pk)
        run.refresh_from_db()
        state = f"{run.seconds:.1f} s on {run.device}" if done else f"nothing to do, it is {run.get_status_display()}"
        self.stdout.write(f"run {run.pk}: {run}: {state}")
