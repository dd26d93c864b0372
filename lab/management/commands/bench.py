"""manage.py bench NAME: measure speed against a control in the same run. scripts/bench brings up servers for it."""

import json
from importlib import import_module
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser

from monitor.database.roles import as_owner

NAMES = (
    "coherence",
    "days",
    "deformation",
    "desk",
    "drip",
    "faults",
    "frames",
    "gpu",
    "hosts",
    "ingest",
    "load",
    "mail",
    "nations",
    "offsets",
    "page",
    "plan",
    "points",
    "scenes",
    "storage",
    "tiles",
    "updates",
    "webhooks",
)
IN_ROOMS = {"mail": "messages.mail", "webhooks": "messages.webhooks"}


class Command(BaseCommand):
    help = "Measure speed: median ratio to a control, both in the same run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=NAMES)
        parser.add_argument("--json", type=Path, metavar="OUT")
        parser.add_argument("--points", type=int, help="how many points (desk, load, points)")
        parser.add_argument("--products", type=int, help="in how many products they come (points)")
        parser.add_argument("--size", help="rows x columns x predecessors (frames), as 25000x16500x12; x pairs (hosts)")
        parser.add_argument("--tasks", nargs="+", help="which of its tasks (frames)")
        parser.add_argument("--folder", type=Path, help="where it works, and goes on when it was interrupted (frames)")
        parser.add_argument(
            "--rounds",
            type=int,
            help="how often each fault is made, each page loaded, each sheet drawn; how many days, nations, alerts",
        )

    def handle(self, *args, **options) -> None:
        wanted = ("points", "products", "rounds", "size", "tasks", "folder")
        chosen = {name: options[name] for name in wanted if options[name]}
        module = import_module(f"lab.speed.{IN_ROOMS.get(options['name'], options['name'])}")
        with as_owner():  # controls make tables of their own
            report = module.run(**chosen)
        if options["json"]:
            options["json"].write_text(json.dumps(report, indent=2) + "\n")
            if hasattr(module, "draw"):
                module.draw(report, options["json"].parent)
        self.stdout.write(f"{report['name']} at {report['commit']} on {report['machine']}, load {report['load']:.1f}")
        for row in report["results"]:
            if row["value"] is None:
                continue
            control = "" if row["control"] is None else f", control {row['control']:,}"
            against = "" if row["ratio"] is None else f"{control}, ratio {row['ratio']}"
            self.stdout.write(
                f"  {row['what']}: {row['value']:,} {row['unit']}{against} ({row['low']} to {row['high']})"
            )
