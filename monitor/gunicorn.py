"""How gunicorn serves the site: gunicorn monitor.wsgi --config python:monitor.gunicorn.

A visitor who sends or reads slowly holds a thread, so a public site needs the proxy of docker/nginx in front.
"""

import os
from pathlib import Path

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = 4  # docker/nginx lets fewer files in at once than these
worker_tmp_dir = "/dev/shm"  # noqa: S108 (a heartbeat must not wait for a disk)
timeout = 60  # without a heartbeat, not of a request
graceful_timeout = 25  # for requests under way when the process is asked to stop; docker/ waits a little longer
max_requests, max_requests_jitter = 20_000, 2_000  # a process that grew begins anew
accesslog = None  # there is no log of visits
control_socket_disable = True  # it would be written to the account's home


def on_starting(server: object) -> None:
    """What the web processes of an earlier start have counted is not counted again."""
    for path in Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "/nowhere")).glob("*.db"):
        path.unlink()
