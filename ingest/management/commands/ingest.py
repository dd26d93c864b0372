"""manage.py ingest PATH…: load velocity products and radar images into the database."""

from __future__ import annotations

import getpass
import shlex
import sys
import time
import traceback
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from tqdm import tqdm

from ground_motion.core.errors import EXAMPLES, AlreadyLoaded, InputError, Undeclared, first_names, printable
from ground_motion.readers.formats.declared import add_declarations, declaration_of, still_ground
from ground_motion.readers.formats.walk import walk
from ground_motion.readers.records import Declaration, Submission
from ingest.foundation.failures import Cause, cause_of, reason_of
from ingest.jobs.child import arrival_load
from ingest.products.datum import datum_settle, datums_due
from ingest.products.derived import derived_make
from ingest.products.releases import release_changes_make
from ingest.products.services import rests_delete
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scene_refuse
from ingest.stations.services import stations_settle


class Command(BaseCommand):
    """The command `ingest`."""

    requires_system_checks = []  # They would import the whole site.
    help = (
        "Load velocity products and images. Each file is loaded wholly or not at all; exit code 2 if one could not be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare files, format, declarations and switches."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders of them")
        add_declarations(parser)
        still = "ground that stands still: a GeoJSON file of polygons, or a disc; rates are stated against it"
        parser.add_argument("--still", type=still_ground, metavar="FILE|LON,LAT,KM", help=still)
        parser.add_argument(
            "--attribution", default="", help="line to show on the map where the file does not name its source"
        )
        parser.add_argument("--licence", default="")
        parser.add_argument("--skip-loaded", action="store_true", help="a file that is already loaded is no error")
        parser.add_argument(
            "--correct", action="store_true", help="load files again with these declarations, instead of earlier ones"
        )
        parser.add_argument("--why", default="", help="reason for the correction; everybody can read it")
        parser.add_argument("--any", action="store_true", help="a refused file is no error if another one was loaded")
        parser.add_argument("--workers", type=int, default=settings.INGEST_WORKERS, help="files loaded at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the paths and exit with 2 where one could not be loaded."""
        self.options = options
        self.loaded: list[Path] = []
        self.refused: dict[Path, InputError | str] = {}
        self.left_alone: dict[Path, str] = {}
        submission = Submission(
            source_format=options["format"],
            declared=declaration_of(options),
            attribution=options["attribution"],
            licence=options["licence"],
            loaded_by=getpass.getuser(),
            still=options["still"] or "",
        )
        paths = self._arrivals(options["paths"], submission.declared)
        if len(paths) > 1:
            submission = replace(submission, declared=replace(submission.declared, for_lacking=True))
        desc = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
        is_shown = sys.stderr.isatty()
        with tqdm(unit=" points", unit_scale=True, desc=desc, leave=False, disable=not is_shown) as bar:
            if len(paths) < 2 or options["workers"] < 2:
                for path in paths:
                    self._load(path, submission, bar)
            else:
                with ThreadPoolExecutor(options["workers"]) as pool:
                    list(pool.map(lambda path: self._load_apart(path, submission, bar), paths))
        stations_settle()  # The next steps are taken now instead of by the schedule.
        if new := pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS):
            self.stdout.write(f"{new} new pairs of images")
        rests_delete()
        for product in datums_due():
            if datum_settle(product=product):
                self.stdout.write(f"{product.name}: still ground moves by {product.datum_mm_yr:+.1f} mm/yr in the file")
        for change in release_changes_make():
            since = change.older.release or f"the version until {change.older.dates[-1]}"
            self.stdout.write(f"{change.newer.name}: {change.n_new:,} points new, {change.n_gone:,} gone since {since}")
        for product in derived_make():
            self.stdout.write(f"derived product {product.pk} ({product.name}), {product.n_points:,} cells")
        self._report()
        if self.refused and not (options["any"] and self.loaded):
            sys.exit(2)

    def _arrivals(self, paths: list[Path], declared: Declaration) -> list[Path]:
        arrivals: list[Path] = []
        for path in paths:
            try:
                found = walk(path, declared)
            except InputError as fault:
                self._refuse(path, fault)
            else:
                arrivals += found.arrivals
                self.left_alone |= found.left_alone
        # A file may be given beside its folder, or by a link.
        return list({path.resolve(): path for path in reversed(arrivals)}.values())[::-1]

    def _load_apart(self, path: Path, submission: Submission, bar: tqdm[Any]) -> None:
        try:
            self._load(path, submission, bar)
        finally:
            connection.close()

    def _load(self, path: Path, submission: Submission, bar: tqdm[Any]) -> None:
        started = time.monotonic()
        try:

            def expect(points: int) -> None:
                """Show the time left once the expected number of points is known."""
                bar.total = (bar.total or 0) + points or None
                bar.refresh()

            why = self.options["why"] if self.options["correct"] else None
            loaded = arrival_load(path=path, submission=submission, progress=bar.update, expect=expect, why=why)
        except AlreadyLoaded as known:
            if self.options["skip_loaded"]:
                self.loaded.append(path)
                self.stdout.write(f"{known}")
            else:
                self._refuse(path, known)
        except InputError as fault:
            scene_refuse(path=path, fault=fault, submission=submission)
            self._refuse(path, fault)
        except Exception as fault:  # One file must not stop the others.
            if cause_of(fault) is Cause.PROGRAM:
                self.stderr.write(traceback.format_exc())
            self._refuse(path, f"{printable(path)}: {reason_of(fault)}")
        else:
            self.loaded.append(path)
            self.stdout.write(f"{printable(path.name)}: loaded as {loaded}, {time.monotonic() - started:.1f} s")

    def _refuse(self, path: Path, fault: InputError | str) -> None:
        self.refused[path] = fault
        self.stderr.write(f"{fault}")

    def _report(self) -> None:
        """Print what was loaded, refused and left alone, and commands for what lacks only declarations."""
        if len(self.loaded) + len(self.refused) + len(self.left_alone) > 1:
            self.stdout.write(f"Loaded: {len(self.loaded)}")
            for path in sorted(self.loaded):
                self.stdout.write(f"  {printable(path)}")
            self.stdout.write(f"Refused: {len(self.refused)}")
            for path, fault in sorted(self.refused.items()):
                self.stdout.write(
                    f"  {printable(path)}: {fault.problem}" if isinstance(fault, InputError) else f"  {fault}"
                )
            self.stdout.write(f"Left alone: {len(self.left_alone)}")
            alike: dict[tuple[Path, str], list[str]] = defaultdict(list)
            for path, why in sorted(self.left_alone.items()):
                alike[path.parent, why].append(path.name)
            for (folder, why), names in alike.items():
                self.stdout.write(printable(f"  {folder}/: {first_names(names)}: {why}"))
        lacking: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for path, fault in self.refused.items():
            if isinstance(fault, Undeclared):
                lacking[fault.missing].append(str(path))
        for missing, paths in sorted(lacking.items()):
            period = "/".join(map(str, self.options["period"] or ()))
            given = {name: self.options[name] for name in ("mapping", "unit", "positive", "track")} | {"period": period}
            words = [f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value]
            words += [EXAMPLES[name] for name in missing]
            self.stdout.write("Put what holds in the place of these examples:")
            program = "scripts/demo" if settings.DEMO else "manage.py ingest"
            self.stdout.write(f"  {program} {' '.join(words)} {shlex.join(paths)}")
