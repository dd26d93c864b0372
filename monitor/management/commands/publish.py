"""manage.py publish TARGET: write all that is public as files that need no server."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor.open_data.publish.services import manifest_of, publish
from monitor.open_data.publish.targets import target_of


class Command(BaseCommand):
    """The command `publish`."""

    help = "Write what is public as files: points, series, tiles, alerts and a catalogue; again writes what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the target."""
        parser.add_argument("target", nargs="?", default=settings.PUBLISH_TO, help="a folder, or s3://bucket/prefix")

    def handle(self, *args: Any, target: str, **options: Any) -> None:
        """Publish, and say what stands there."""
        if not target:
            raise CommandError("Name a folder or s3://bucket/prefix, or set PUBLISH_TO.")
        place = target_of(target)
        publish(place)
        manifest = manifest_of(place)
        numbers = f"{len(manifest['products'])} products, {len(manifest['codes'])} alerts"
        self.stdout.write(f"Published in {target}: {numbers}, {len(manifest['files'])} files.")
