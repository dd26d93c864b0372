"""Parts that every request passes: guards, roles, languages, limits."""

THREADS = 12  # Threads of a web process; `request_limits` keeps some of them for pages.
