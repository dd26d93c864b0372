"""manage.py loadcontext [KIND] PATH…: load context of places: names, glaciers, mines, buildings and more."""

import sys
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.readers.context import SUFFIXES
from ground_motion.readers.context.records import ContextKind
from ingest.context.selectors import layer_states
from ingest.context.services import context_load, layer_delete
from ingest.context.world import world_load
from ingest.models import ContextLayer


class Command(BaseCommand):
    """The command `loadcontext`."""

    help = "Load context layers. Each file is loaded wholly or not at all; exit code 2 if one could not be."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare files, kind and switches."""
        kinds = [kind.value for kind in ContextKind]
        parser.add_argument(
            "kind", nargs="?", choices=["auto", *kinds], help="auto: recognised by the content where it is unambiguous"
        )
        parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files, or folders of them")
        parser.add_argument("--shipped", action="store_true", help="load the names that come with the software")
        parser.add_argument("--list", action="store_true", help="say what is loaded, and what is missing")
        parser.add_argument(
            "--replace", action="store_true", help="put a newer file of the same name in the old one's place"
        )
        parser.add_argument("--remove", metavar="NAME", help="delete a layer; shipped names for which it stood return")
        parser.add_argument("--skip-loaded", action="store_true", help="a file that is already loaded is no error")
        parser.add_argument("--attribution", default="", help="line to show where the file does not name its source")
        parser.add_argument("--licence", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, list or delete layers."""
        if options["list"]:
            self._list()
            return
        for layer in (removed := ContextLayer.objects.filter(name=options["remove"], shipped=False)):
            layer_delete(layer=layer)
        if options["remove"] and not removed:
            raise CommandError(f"no layer is called {options['remove']!r}; --list names them", returncode=2)
        if options["shipped"] or options["remove"]:
            self._load_shipped()
            return
        if not options["kind"] or not options["paths"]:
            raise CommandError("give a kind and files, or --list", returncode=2)
        kind = None if options["kind"] == "auto" else ContextKind(options["kind"])
        failed = False
        paths = []
        for given in options["paths"]:  # Every file of a folder that could be a layer, or the folder itself.
            files = [file for file in given.glob("*") if file.is_file() and file.suffix.lower() in SUFFIXES]
            paths += sorted(files) or [given]
        for path in paths:
            try:
                self._load(path, kind, options)
            except AlreadyLoaded as known:
                failed = failed or not options["skip_loaded"]
                (self.stdout if options["skip_loaded"] else self.stderr).write(str(known))
            except InputError as fault:
                failed = True
                self.stderr.write(str(fault))
        if options["replace"]:
            self._load_shipped()
        if failed:
            sys.exit(2)

    def _load_shipped(self) -> None:
        with _bar("names of the world") as bar:
            new = world_load(progress=bar.update)
        for layer in new:
            self._report(layer.name, layer)

    def _load(self, path: Path, kind: ContextKind | None, options: dict[str, Any]) -> None:
        with _bar(path.name) as bar:
            layer = context_load(
                path=path,
                kind=kind,
                replace=options["replace"],
                attribution=options["attribution"],
                licence=options["licence"],
                progress=bar.update,
            )
        self._report(path.name, layer)

    def _report(self, name: str, layer: ContextLayer) -> None:
        remarks = "".join(f"; {times:,} with {remark}" for remark, times in layer.remarks.items())
        refused = f", {layer.n_refused:,} rows refused" if layer.n_refused else ""
        self.stdout.write(
            f"{name}: loaded as {layer.kind} ({layer.name}), {layer.n_features:,} features{refused}{remarks}"
        )

    def _list(self) -> None:
        for state in layer_states():
            if not state.layers:
                self.stdout.write(f"missing  {state.kind}: with them, {state.brings}")
            for layer in state.layers:
                refused = f", {layer.n_refused:,} refused" if layer.n_refused else ""
                simulated = ", simulated" if layer.simulated else ""
                self.stdout.write(
                    f"loaded   {state.kind}: {layer.name}, {layer.n_features:,} features{refused}{simulated}, "
                    f"{layer.loaded_at:%Y-%m-%d}"
                )


def _bar(name: str) -> "tqdm[NoReturn]":
    return tqdm(unit=" rows", unit_scale=True, desc=name, leave=False, disable=not sys.stderr.isatty())
