"""manage.py retry [KIND] [--id N | --failed]: put failed jobs back into their queues, as the page Jobs does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor.operations.jobs.kinds import KINDS


class Command(BaseCommand):
    """Command that tries failed work again."""

    help = "Try failed jobs again, all of them or those of a kind; or one that failed, was cancelled or is waiting."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options that say which jobs are meant."""
        parser.add_argument("kind", nargs="?", choices=list(KINDS))
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--id", type=int, metavar="N", help="one job of the kind")
        which.add_argument("--failed", action="store_true", help="whatever has failed for good")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue the chosen jobs again, and print how many."""
        if options["id"] is not None and options["kind"] is None:
            raise CommandError("name the kind of the job as well, such as: retry runs --id 12", returncode=2)
        for name in [options["kind"]] if options["kind"] else KINDS:
            kind, pk = KINDS[name], options["id"]
            rows = kind.model._default_manager.all()
            if pk is None:
                failed = [state for state, group in kind.states.items() if group == "failed"]
                self.stdout.write(f"{name}: {kind.retry(rows.filter(state__in=failed))} are tried again")
            elif kind.retry(rows.filter(pk=pk)) == 1:
                self.stdout.write(f"{name} {pk} is tried again")
            else:
                fault = f"{name} {pk} has not failed, nor been cancelled, nor is waiting for its time"
                raise CommandError(fault, returncode=2)
