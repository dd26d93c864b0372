"""Ground motion from files: the library below the service."""
