"""manage.py doctor: check that everything that the service needs is present and works."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from ingest.context.selectors import layer_states
from monitor.operations.health.condition import examine
from monitor.operations.health.conditions import CONDITIONS
from monitor.operations.health.deployment import DEPLOYMENT


class Command(BaseCommand):
    """Command that examines the service."""

    help = "Examine the service; exit code 1, and what to do, where something is wrong."
    requires_system_checks = []  # The command must report even if system checks fail.

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option that examines the deployment instead."""
        parser.add_argument("--deploy", action="store_true", help="examine the settings of a public site instead")

    def handle(self, *args: Any, deploy: bool, **options: Any) -> None:
        """Print every condition; exit with 1 if one does not hold."""
        conditions = DEPLOYMENT if deploy else CONDITIONS
        reports = examine(conditions)
        for report in reports:
            if fault := report.wrong or report.doubt:
                self.stdout.write(f"{'WRONG  ' if report.wrong else 'warning'}  {report.condition.name}: {fault}")
                self.stdout.write(f"         {report.condition.remedy}")
            else:
                self.stdout.write(f"ok       {report.condition.name}: {report.detail}")
        left_out = len(conditions) - len(reports)
        if left_out:
            self.stdout.write(f"without  {left_out} more conditions, which only the database can answer")
        if not deploy:
            self._context()
        if any(report.wrong for report in reports):
            sys.exit(1)

    def _context(self) -> None:
        """Print which optional context is loaded; missing context is not a fault."""
        try:
            states = layer_states()
        except DatabaseError:  # Another check reports this fault.
            return
        for known, mark in ((True, "ok     "), (False, "without")):
            kinds = [state.kind.value for state in states if bool(state.layers) == known]
            if kinds:
                self.stdout.write(
                    f"{mark}  context: {', '.join(kinds)}{'' if known else ' (manage.py loadcontext --list)'}"
                )
