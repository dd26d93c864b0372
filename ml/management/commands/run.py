"""manage.py run METHOD [--product ID | --pair ID]: run a method now, in this process."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ground_motion.runtime.methods import method_of, methods
from ingest.foundation.failures import reason_of
from ingest.models import Product, ScenePair
from ml.models import ModelVersion, Run
from ml.runs import services
from ml.runs.repetition import run_repeat

Task = ModelVersion.Task


class Command(BaseCommand):
    """Command that queues or computes a run."""

    help = "Run a method on one product or pair, or on every one that is ready and that it has not seen."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the method, its task and the product, pair or run."""
        rows = [row for task in Task for row in methods(task).values()]
        names = dict.fromkeys([row.name for row in rows] + [*self._tasks_of_networks()])
        parser.add_argument("method", choices=[*names])
        parser.add_argument("--task", choices=list(Task.values), help="where several have a method of that name")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--product", type=int, metavar="ID")
        which.add_argument("--pair", type=int, metavar="ID")
        which.add_argument("--repeat", type=int, metavar="RUN", help="do a finished run again and compare; exit code 1")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue and compute runs of a method, or repeat a finished run."""
        method = options["method"]
        options["task"] = options["task"] or self._tasks_of_networks().get(method)
        method = method_of(options["task"], method) if options["task"] else method
        if options["repeat"] is not None:
            self._repeat(options["repeat"], method)
            return
        try:
            task = services.task_of(method, options["task"] or self._task_of_flag(method, options))
        except ValueError as fault:
            raise CommandError(f"{fault} (--task)", returncode=2) from fault
        name, model = ("product", Product) if task == Task.DEFORMATION else ("pair", ScenePair)
        other = {"product": "pair", "pair": "product"}[name]
        if options[other] is not None:
            raise CommandError(f"{method} does not run on a {other}", returncode=2)
        if options[name] is None:
            runs = services.runs_queue(method=method, task=task)
        else:
            subject = self._find(model, name, options[name])
            version = services.model_version_current(method=method, task=task)
            runs = [services.run_queue(subject=subject, version=version)]
        failed = [why for run in runs if (why := self._execute(run, alone=len(runs) == 1))]
        if failed:
            raise CommandError("\n".join([*failed, f"{len(failed)} of {len(runs)} runs failed."]), returncode=1)

    def _tasks_of_networks(self) -> dict[str, Task]:
        """Return the task of each shipped network by the network's own name."""
        return {row.network: task for task in Task for row in methods(task).values() if row.network}

    def _task_of_flag(self, method: str, options: Mapping[str, Any]) -> str | None:
        """Return the task implied by --product or --pair; None if it is ambiguous, as several tasks take pairs."""
        tasks = {Task.DEFORMATION} if options["product"] is not None else {*Task} - {Task.DEFORMATION}
        wanted = [task for task in tasks if method in methods(task)]
        given = options["product"] is not None or options["pair"] is not None
        return wanted[0] if given and len(wanted) == 1 else None

    def _find(self, model: type[Product] | type[ScenePair], name: str, pk: int) -> Product | ScenePair:
        subject = model._default_manager.filter(pk=pk).first()
        if subject is None:
            known = ", ".join(str(pk) for pk in model._default_manager.order_by("id").values_list("id", flat=True)[:20])
            raise CommandError(f"there is no {name} {pk}; there are: {known or 'none'}", returncode=2)
        return subject

    def _execute(self, run: Run, alone: bool) -> str | None:
        """Compute a run and print its outcome; return why it failed, so that others are computed unless it is alone."""
        try:
            done = services.run_execute(run_id=run.pk)
        except Exception as fault:
            if alone:
                raise
            return f"run {run.pk}: {run}: {reason_of(fault)}"
        run.refresh_from_db()
        state = f"{run.seconds:.1f} s on {run.device}" if done else f"nothing to do, it is {run.get_state_display()}"
        self.stdout.write(f"run {run.pk}: {run}: {state}")
        return None

    def _repeat(self, pk: int, method: str) -> None:
        runs = Run.objects.select_related("product", "pair__reference", "pair__secondary", "model_version")
        run = runs.filter(pk=pk, model_version__method=method).first()
        if run is None:
            raise CommandError(f"there is no run {pk} of {method}", returncode=2)
        try:
            again = run_repeat(run=run)
        except (LookupError, ValueError) as fault:
            raise CommandError(str(fault), returncode=2) from fault
        summary = f"run {run.pk}: {run}, again in {again.seconds:.1f} s on {again.device}"
        if not again.same:
            raise CommandError(f"{summary}: not the same, by up to {again.largest_difference:g}", returncode=1)
        self.stdout.write(f"{summary}: the same in every cell")
