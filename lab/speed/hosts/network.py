"""Three network namespaces; one has a bridge that the others are plugged into. No way leads out of them."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

CENTRE = "10.77.0.1"
HOSTS = {"north": "10.77.0.2", "south": "10.77.0.3"}
BRIDGE, CABLE = "hosts", "centre"  # names of interfaces


def name(of: str) -> str:
    """Of a namespace: another checkout has others, and what a killed benchmark has left is found again."""
    key = hashlib.sha256(str(settings.BASE_DIR).encode()).hexdigest()[:8]
    return f"ground-motion-{key}-{of}"


def inside(namespace: str) -> list[str]:
    """What a command begins with that works in that network, and otherwise here."""
    return ["nsenter", f"--net=/run/netns/{namespace}"]


@contextmanager
def up() -> Iterator[str]:
    """Both hosts plugged in; the name of the centre's namespace. Whatever works in them at the end is killed."""
    down()
    try:
        centre = name("centre")
        for of in ("centre", *HOSTS):
            _ip("netns", "add", name(of))
            _ip("-n", name(of), "link", "set", "lo", "up")
        _ip("-n", centre, "link", "add", BRIDGE, "type", "bridge")
        _ip("-n", centre, "addr", "add", f"{CENTRE}/24", "dev", BRIDGE)
        _ip("-n", centre, "link", "set", BRIDGE, "up")
        for host, address in HOSTS.items():
            _ip("-n", centre, "link", "add", host, "type", "veth", "peer", "name", CABLE, "netns", name(host))
            _ip("-n", centre, "link", "set", host, "master", BRIDGE, "up")
            _ip("-n", name(host), "addr", "add", f"{address}/24", "dev", CABLE)
            _ip("-n", name(host), "link", "set", CABLE, "up")
        yield centre
    finally:
        down()


def down() -> None:
    """Kill what works in these namespaces, and delete them."""
    there = _ip("netns", "list").split()
    for namespace in filter(there.__contains__, map(name, ("centre", *HOSTS))):
        while left := _ip("netns", "pids", namespace).split():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)
        _ip("netns", "delete", namespace)


def plug(host: str, *, in_: bool) -> None:
    """Plug the host's cable in, or pull it."""
    _ip("-n", name("centre"), "link", "set", host, "up" if in_ else "down")


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout
