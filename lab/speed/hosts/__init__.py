"""Two hosts that share nothing but services: are they twice as fast, are results equal, is nothing lost if one dies?

Hosts are namespaces of this machine (network, processes, disk, name) with a core each. A third one, the centre, has
PostgreSQL behind PgBouncer, its replica, RabbitMQ, Redis, an S3 server, beat and the mail worker. Nobody outside these
three reaches them. Needs root and iproute2.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.speed.hosts import centre, network
from lab.speed.hosts.images import Size, write_images
from lab.speed.measure import report

SIZE = "1536x1536x10"  # rows, columns, pairs
ENGINES = "rabbitmq pgbouncer replica"
PRIVATE = ("DATABASE_", "REDIS_", "BROKER_", "RASTER_", "S3_", "GROUND_MOTION_VAR")  # of the one machine


def run(rounds: int = 2, size: str = SIZE) -> dict[str, Any]:
    """rounds: of one host, of two, and of two that are killed. RuntimeError where a result differs, or is lost."""
    if os.geteuid() or not shutil.which("ip"):
        raise RuntimeError("bench hosts makes network namespaces: run it as root, with iproute2 installed")
    shape = Size(*map(int, size.split("x")))
    with tempfile.TemporaryDirectory(prefix="ground-motion-hosts-") as name:
        folder = Path(name)
        write_images(folder / "images", shape)
        common = {"PAIR_BASELINES_DAYS": "12", "OMP_NUM_THREADS": "1", "WORK_DIR": str(folder / "work")}
        alone = _driven("alone", folder, os.environ | common | {"RASTER_DIR": str(folder / "rasters")}, 0)
        (folder / "alone.json").write_text(json.dumps(alone))
        with network.up() as namespace, _services(common) as environment:
            rows = _driven("apart", folder, environment, rounds, *network.inside(namespace))
    return report(f"hosts of {size}", rows) | {"note": "three namespaces of one machine"}


def _driven(what: str, folder: Path, environment: dict[str, str], rounds: int, *inside: str) -> Any:
    """What the driver gives back; it has settings of its own, so it is a process of its own."""
    out = folder / f"{what}.out"
    command = [*inside, sys.executable, "-m", "lab.speed.hosts.driver", what, str(folder), str(rounds), str(out)]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True)
    return json.loads(out.read_text())


@contextmanager
def _services(common: dict[str, str]) -> Iterator[dict[str, str]]:
    """Servers in the centre that listen to its network; the environment of whoever works there."""
    around = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
    around |= common | centre.settings_made() | {"GROUND_MOTION_VAR": f"{settings.BASE_DIR}/var/bench-hosts"}
    around |= {"GROUND_MOTION_ENGINES": ENGINES, "GROUND_MOTION_ENGINES_ADDRESS": network.CENTRE}
    services = [*network.inside(network.name("centre")), f"{settings.BASE_DIR}/scripts/services"]
    try:
        for verb in ("remove", "start"):  # a benchmark that was killed may have left some
            subprocess.run([*services, verb], env=around, check=True)
        yield around
    finally:
        subprocess.run([*services, "remove"], env=around, check=True)
