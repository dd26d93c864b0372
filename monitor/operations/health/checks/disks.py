"""Free disk where files are kept."""

from ingest.disk import disk_full, disk_places
from monitor.operations.health.checks.condition import Wrong
from monitor.pages.uploads.resumable import in_words


def disk() -> str:
    if full := disk_full():
        raise Wrong(full.rstrip("."))
    return ", ".join(f"{one.name} {in_words(one.free_bytes)} free" for one in disk_places())
