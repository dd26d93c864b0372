"""manage.py bench NAME: measure speed against a control in the same run. scripts/bench starts the servers needed."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ground_motion.core.files import new_file
from monitor.operations.database.rights import as_owner

NAMES = ("coherence", "deformation", "faults", "ingest", "living", "load", "offsets", "page", "publish", "tiles")


class Command(BaseCommand):
    """Command that measures speed."""

    help = "Measure speed: median ratio to a control, both in the same run."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the benchmark, its output and its size."""
        parser.add_argument("name", choices=NAMES)
        parser.add_argument("--json", type=Path, metavar="OUT")
        parser.add_argument("--points", type=int, help="how many points (load)")
        parser.add_argument("--rounds", type=int, help="how often each fault is made, or each measurement taken")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure, write and print."""
        chosen = {name: options[name] for name in ("points", "rounds") if options[name]}
        module = import_module(f"lab.speed.{options['name']}")
        with as_owner():  # Controls create tables, which the application's role may not.
            report = module.run(**chosen)
        if options["json"]:
            with new_file(options["json"]) as file:
                file.write(f"{json.dumps(report, indent=2)}\n".encode())
        self.stdout.write(f"{report['name']} at {report['commit']} on {report['machine']}, load {report['load']:.1f}")
        for row in report["results"]:
            against = "" if row["ratio"] is None else f", control {row['control']:,}, ratio {row['ratio']}"
            figures = f"{row['value']:,} {row['unit']}{against} ({row['low']} to {row['high']})"
            self.stdout.write(f"  {row['what']}: {figures}")
