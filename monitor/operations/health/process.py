"""Check for containers whether one process is alive.

Use: python -m monitor.operations.health.process web|worker|mail-worker|beat.

It does not load Django, which would take seconds of every minute. A dead process gives exit code 1 and one line.
"""

import os
import sys
import urllib.request
from collections.abc import Callable

from celery.utils.nodenames import gethostname, nodesplit

ANSWER_SECONDS = 3.0
SILENT_SECONDS = 60.0


def beat_sign(host: str) -> str:
    """Return the name of the sign of life of a machine's beat, whether that beat is active or on standby."""
    return f"beat@{host}"


def own_host() -> str:
    """Return a host name that the site accepts in requests."""
    return os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].replace("*", "localhost").lstrip(".")


def web() -> str:
    """Return what is wrong with this machine's web process; empty if nothing is wrong."""
    address = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz"
    try:
        urllib.request.urlopen(urllib.request.Request(address, headers={"Host": own_host()}), timeout=ANSWER_SECONDS)
    except OSError as fault:
        return f"the web process does not answer: {fault}"
    return ""


def worker(queue: str) -> str:
    """Return what is wrong if no worker of this machine answers for the queue over the broker; empty if one does."""
    from monitor.broker import broker_url
    from monitor.celery import app

    app.config_from_object({"broker_url": broker_url()}, force=True)
    answers = app.control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    own = [queues for name, queues in answers.items() if nodesplit(name)[1] == gethostname()]
    served = {one["name"] for queues in own for one in queues}
    return "" if queue in served else f"no worker of this machine answers for the queue {queue}"


def beat() -> str:
    """Return what is wrong with the sign of life of this machine's beat; empty if nothing is wrong."""
    import psycopg

    address = os.environ["DATABASE_URL"].replace("postgis://", "postgresql://", 1)
    try:
        with psycopg.connect(address, connect_timeout=int(ANSWER_SECONDS)) as connection:
            age = "SELECT abs(extract(epoch FROM now() - seen_at)) FROM monitor_signoflife WHERE name = %s"
            row = connection.execute(age, [beat_sign(gethostname())]).fetchone()
    except psycopg.Error:
        return "the database does not answer, or is not migrated"
    return "" if row and row[0] < SILENT_SECONDS else "beat of this machine gives no sign of life"


PROCESSES: dict[str, Callable[[], str]] = {
    "web": web,
    "worker": lambda: worker("cpu"),
    "mail-worker": lambda: worker("mail"),
    "beat": beat,
}


def main() -> int:
    """Check the process that the command line names; return the exit code."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in PROCESSES:
        print(f"usage: python -m monitor.operations.health.process {'|'.join(PROCESSES)}", file=sys.stderr)
        return 2
    fault = PROCESSES[name]()
    if fault:
        print(fault, file=sys.stderr)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
