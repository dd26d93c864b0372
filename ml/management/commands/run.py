"""manage.py run METHOD [--product ID | --pair ID]: run a method now, in this process."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.models import Product, ScenePair
from ml import services
from ml.jobs import METHODS
from ml.models import ModelVersion, Run


class Command(BaseCommand):
    help = "Run a method on one product or pair, or on every one that is ready and that it has not seen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("method", choices=METHODS)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--product", type=int, metavar="ID")
        which.add_argument("--pair", type=int, metavar="ID")

    def handle(self, *args, **options) -> None:
        method = options["method"]
        wanted = {"product": Product} if METHODS[method] == ModelVersion.Task.DEFORMATION else {"pair": ScenePair}
        for name in {"product", "pair"} - set(wanted):
            if options[name] is not None:
                raise CommandError(f"{method} does not run on a {name}", returncode=2)
        ((name, model),) = wanted.items()
        if options[name] is None:
            runs = services.runs_queue(method=method)
        else:
            subject = self._find(model, name, options[name])
            runs = [services.run_queue(subject=subject, version=services.model_version_current(method=method))]
        for run in runs:
            self._execute(run)

    def _find(self, model, name: str, pk: int):
        subject = model.objects.filter(pk=pk).first()
        if subject is None:
            known = ", ".join(str(pk) for pk in model.objects.order_by("id").values_list("id", flat=True)[:20])
            raise CommandError(f"there is no {name} {pk}; there are: {known or 'none'}", returncode=2)
        return subject

    def _execute(self, run: Run) -> None:
        done = services.run_execute(run_id=run.pk)
        run.refresh_from_db()
        state = f"{run.seconds:.1f} s on {run.device}" if done else f"nothing to do, it is {run.get_status_display()}"
        self.stdout.write(f"run {run.pk}: {run}: {state}")
