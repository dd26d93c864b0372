"""Keeper: a thread in the parent of the web processes that checks over HTTP whether the site answers.

It runs only if WATCHDOG_USEC says that something restarts the service when it ends. systemd sets this from
WatchdogSec=; docker/compose.yml sets it itself. systemd receives WATCHDOG=1 after every answer, and ends the service if
none arrives within that time. Compose does not restart an unhealthy container, so there the keeper kills all web
processes and their parent after the same time.
"""

import os
import signal
import socket
import threading
import time
from typing import Any

from gunicorn import systemd

from monitor.operations.health.process import own_host

ASKS = 8  # requests within the time after which the service is ended
MAX_SECONDS = 10.0  # between two requests, and for an answer
REQUEST = "GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"


class Keeper(threading.Thread):
    """Thread that ends the service after `silent_seconds` without an answer. server: gunicorn's arbiter."""

    def __init__(self, server: Any, *, silent_seconds: float) -> None:
        super().__init__(name="keeper", daemon=True)
        self.server, self.silent_seconds = server, silent_seconds
        self.pause_seconds = min(MAX_SECONDS, silent_seconds / ASKS)

    @classmethod
    def start_where_wanted(cls, server: Any) -> None:
        """Start the thread if WATCHDOG_USEC is set for this process."""
        wanted, whose = os.environ.get("WATCHDOG_USEC", "0"), os.environ.get("WATCHDOG_PID", str(os.getpid()))
        if int(wanted) and whose == str(os.getpid()):
            cls(server, silent_seconds=int(wanted) / 1e6).start()

    def run(self) -> None:
        """Check the site again and again, and report each answer to systemd."""
        answered_at = time.monotonic()
        while True:
            if self._answers():
                answered_at = time.monotonic()
                systemd.sd_notify("WATCHDOG=1", self.server.log)
            elif "NOTIFY_SOCKET" not in os.environ and time.monotonic() - answered_at > self.silent_seconds:
                self.server.log.critical("The site has not answered for %.0f s: it is ended.", self.silent_seconds)
                self.server.kill_workers(signal.SIGKILL)
                os._exit(1)
            time.sleep(self.pause_seconds)

    def _answers(self) -> bool:
        """Return whether a web process answers, with any status."""
        for listener in self.server.LISTENERS:
            try:
                with socket.socket(listener.sock.family) as asking:
                    asking.settimeout(self.pause_seconds)
                    asking.connect(listener.sock.getsockname())  # 0.0.0.0 also reaches this machine
                    asking.sendall(REQUEST.format(host=own_host()).encode())
                    return asking.recv(5) == b"HTTP/"
            except OSError:
                return False
        return False
