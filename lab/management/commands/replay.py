"""manage.py replay: play scenarios through the services in a separate database, and compare the alerts' steps."""

import json
import os
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from ground_motion.core.files import new_file
from lab.replay.machine import Played, play
from lab.replay.scenario import FOLDER, Scenario, scenarios


class Command(BaseCommand):
    """Command that plays scenarios."""

    help = "Play scenarios product by product, as if live; prints each that took other steps than its file states."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the scenarios to play and the file for counts."""
        parser.add_argument("--suite", action="store_true", help="all scenarios")
        parser.add_argument("--only", default="", metavar="NAME", help="one scenario, with its steps")
        parser.add_argument("--folder", type=Path, default=FOLDER, help="of the scenarios' files")
        parser.add_argument("--json", type=Path, metavar="R.json", help="write counts and the failed ones there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play, print and write; raise CommandError if a scenario took other steps than stated."""
        try:
            chosen = [scenario for scenario in scenarios(options["folder"]) if options["only"] in {"", scenario.name}]
        except ValueError as fault:
            raise CommandError(str(fault)) from fault
        if not chosen or not (options["suite"] or options["only"]):
            raise CommandError("Nothing to play: give --suite, or --only with the name of a scenario.")
        began = perf_counter()
        played = _in_own_database(chosen)
        for one in played:
            if not one.passed or options["only"]:
                self.stdout.write(f"{one.scenario.name}: {one.alerts}, expected {one.scenario.alerts}")
        result = summary(played) | {"seconds": round(perf_counter() - began, 1)}
        if options["json"]:
            with new_file(options["json"]) as file:
                file.write(f"{json.dumps(result, indent=1)}\n".encode())
        self.stdout.write("{passed} of {scenarios} passed, {anomalous} anomalous, {seconds} s".format(**result))
        if result["failed"]:
            raise CommandError(f"{result['failed']} scenarios took other steps than their files state.")


def summary(played: list[Played]) -> dict[str, object]:
    """Return counts, and the actual steps of each failed scenario."""
    failed = [one for one in played if not one.passed]
    return {
        "scenarios": len(played),
        "anomalous": sum(one.scenario.anomalous for one in played),
        "passed": len(played) - len(failed),
        "failed": len(failed),
        "differences": {one.scenario.name: {"expected": one.scenario.alerts, "played": one.alerts} for one in failed},
    }


def _in_own_database(chosen: list[Scenario]) -> list[Played]:
    """Play in a new database, which is dropped afterwards, so that the service's alerts are not changed."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict.update({name: settings.DATABASE_OWNER[name] for name in ("USER", "PASSWORD")})
    connection.settings_dict["TEST"]["NAME"] = f"replay_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        return [play(one) for one in chosen]
    finally:
        connection.creation.destroy_test_db(usual, verbosity=0)
