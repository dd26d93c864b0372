"""Settings of gunicorn; a slow visitor holds a thread, so a public site needs the proxy of docker/nginx in front."""

import faulthandler
import os
import sys
import threading
from typing import Any

from monitor.start import variables
from monitor.web import THREADS

bind = f"127.0.0.1:{variables.whole_number('PORT')}"
workers = variables.whole_number("WEB_WORKERS")
threads = THREADS
worker_tmp_dir = "/dev/shm"  # noqa: S108 (a heartbeat must not wait for a disk)
timeout = 60  # Longest time without a heartbeat; deadlines of requests are in monitor/web/deadlines.py.
graceful_timeout = 25  # Requests under way may end within it; docker/ waits a little longer.
max_requests, max_requests_jitter = 20_000, 2_000  # A new process replaces one that has grown after this many requests.
accesslog = None  # Visits are not logged.
control_socket_disable = True  # gunicorn would write the socket into the account's home.


def post_worker_init(worker: Any) -> None:
    """Load all pages, start the watchdog of request deadlines, and let an aborted process write its stacks."""
    from django.urls import get_resolver

    from monitor.web.deadlines import watch

    get_resolver().url_patterns  # noqa: B018 (all pages are loaded now, while no visitor waits)
    faulthandler.enable()
    threading.Thread(target=watch, name="request watchdog", daemon=True).start()


def child_exit(server: Any, worker: Any) -> None:
    """Have a new process record that a process was aborted for lack of a heartbeat; this one must not wait."""
    if worker.aborted:
        os.posix_spawn(sys.executable, [sys.executable, "-m", "monitor.web.deadlines", "no heartbeat"], os.environ)
