"""A bucket to publish into; the only module here that needs the extra `s3`."""

from ingest.foundation.storage.objects import ObjectStorage


class Bucket(ObjectStorage):
    """Objects under exactly the names that they are given; a later one takes the place of an earlier one."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name unchanged."""
        return name
