"""Parts that every request passes: guards, roles, languages, limits."""

THREADS = 12  # of a web process: some requests wait for a place, some threads are kept for pages (`request_limits`)
