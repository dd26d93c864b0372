"""Sources of new images: query search services, download files, and queue jobs that load the files."""
