"""A host: a worker that sees its own disk, a network, and of the rest of the machine what an image holds."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from django.conf import settings

from lab.speed.hosts import network

OWN = Path("/mnt")  # where a host has its disk, in a folder of its name
PORT = 8000
SITE = f"python:monitor.gunicorn --bind 0.0.0.0:{PORT} --workers 1"
WORKER = "--queues ingest,cpu --concurrency 1 --loglevel INFO --hostname worker@%h"  # the Procfile's, of one core
# The rest of the disk is read only, and what the centre and other hosts keep there is covered.
BOOT = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o size=1m own {own}
mkdir {disk}
mount --bind {folder} {disk}
for hidden in /tmp /dev/shm /run {hidden}; do
  if [ -d "$hidden" ]; then mount -t tmpfs hidden "$hidden"; fi
done
mount -o remount,bind,ro /
hostname {name}
{python} manage.py prepare --wait
exec {python} -m celery --app monitor worker {worker}
"""


class Host:
    """A host of the network with a core and a folder of its own, which outlives it."""

    def __init__(self, name: str, core: int, folder: Path, environment: dict[str, str]) -> None:
        self.name, self.core, self.folder = name, core, folder
        self.disk = OWN / name
        (folder / "home").mkdir(parents=True)
        self.environment = environment | {
            "HOME": str(self.disk / "home"),
            "PATH": os.environ["PATH"],
            "GROUND_MOTION_VAR": str(self.disk / "var"),
            "OMP_NUM_THREADS": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    @property
    def worker(self) -> str:
        """Its name among Celery's workers."""
        return f"worker@{self.name}"

    def start(self) -> None:
        """Switch it on: the worker comes up by itself."""
        network.plug(self.name, in_=True)
        values = {"own": OWN, "disk": self.disk, "folder": self.folder, "name": self.name, "worker": WORKER}
        values |= {"python": sys.executable, "hidden": f"{settings.BASE_DIR}/var /var/lib/ground-motion-monitor"}
        apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = ["taskset", "--cpu-list", str(self.core), *network.inside(network.name(self.name)), *apart]
        command += ["bash", "-c", BOOT.format_map(values)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def sees(self, path: Path) -> bool:
        """Whether there is such a file for whatever works on it."""
        return subprocess.run([*self._inside(), "test", "-e", path]).returncode == 0

    @contextlib.contextmanager
    def site(self) -> Iterator[str]:
        """Its web process while the block lasts, as a worker of its own would run it; its address."""
        python = [*self._inside(), "env", f"--chdir={settings.BASE_DIR}", sys.executable]
        with self.log.open("ab") as log:

            def run(*arguments: str) -> "subprocess.Popen[bytes]":
                return subprocess.Popen([*python, *arguments], env=self.environment, stdout=log, stderr=log)

            if run("manage.py", "collectstatic", "--noinput", "--verbosity", "0").wait():
                raise RuntimeError(f"{self.name} has no static files: {self.log.read_text()[-2000:]}")
            with run("-m", "gunicorn", "monitor.wsgi", "--config", *SITE.split()) as process:
                try:
                    yield f"http://{network.HOSTS[self.name]}:{PORT}"
                finally:
                    process.terminate()

    def kill(self) -> None:
        """SIGKILL to all of its processes at once: the first of a namespace takes the others with it."""
        os.kill(self._first, signal.SIGKILL)
        self._running.wait()

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _inside(self) -> list[str]:
        return ["nsenter", f"--target={self._first}", "--mount", "--uts", "--ipc", "--net", "--pid"]

    @property
    def _first(self) -> int:
        """The process whose end is the host's."""
        (first,) = psutil.Process(self._running.pid).children()
        return first.pid

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the host {self.name} is not running: {self.log.read_text()[-2000:]}")
        return self._process
