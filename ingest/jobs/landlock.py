"""Landlock (Linux 5.13 and later): rights that a process gives up for itself and for all that it starts.

Numbers are those of linux/landlock.h; the three system calls have the same numbers on every architecture.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION = 1
BENEATH_PATH, NET_PORT = 1, 2  # types of rules
WRITE_FILE, READ_FILE = 1 << 1, 1 << 2
# Rights to write, remove and make files of every type. Later versions added moving between folders and cutting short.
WRITING = WRITE_FILE | sum(1 << bit for bit in range(4, 13))
LATER = {2: 1 << 13, 3: 1 << 14}
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1  # Both concern processes outside the confined one.
NET_VERSION, SCOPE_VERSION = 4, 6
SYSTEM = (
    *("/usr", "/lib", "/lib64", "/proc", "/sys", "/dev/urandom", "/dev/random", "/dev/zero"),
    *("/etc/ssl", "/etc/pki", "/etc/crypto-policies", "/etc/ld.so.conf.d"),
)

_system_call = ctypes.CDLL(None, use_errno=True).syscall


def version() -> int:
    """Return the version of Landlock of the running kernel; 0 or less if it has none."""
    return int(_system_call(CREATE_RULESET, None, 0, ASK_VERSION))


def restrict(*, readable: Iterable[Path | str], writable: Iterable[Path | str], ports: Iterable[int]) -> None:
    """Give up other processes, TCP, and all files but those of the system and of this program.

    What is `readable` may still be read, what is `writable` also written, and `ports` may still be connected to. TCP is
    restricted from version 4 on, signals from version 6 on, nothing without Landlock. Raises OSError, also if the
    process has not set PR_SET_NO_NEW_PRIVS.
    """
    known = version()
    if known < 1:
        return
    writing = WRITING | sum(right for since, right in LATER.items() if since <= known)
    size = 8 if known < NET_VERSION else 16 if known < SCOPE_VERSION else 24
    rights = struct.pack("=QQQ", READ_FILE | writing, BIND_TCP | CONNECT_TCP, ABSTRACT_SOCKETS | SIGNALS)[:size]
    ruleset = _call(CREATE_RULESET, rights, len(rights), 0)
    # os.path.exists is also false for what this user may not look at, such as a folder of another one's home.
    allowed = [(path, READ_FILE) for path in (*_program(), *readable) if os.path.exists(path)]
    allowed += [(path, READ_FILE | writing) for path in writable]
    for path, right in [*allowed, (Path(os.devnull), READ_FILE | WRITE_FILE)]:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        _call(ADD_RULE, ruleset, BENEATH_PATH, struct.pack("=Qi", right, descriptor), 0)
        os.close(descriptor)
    for port in ports if known >= NET_VERSION else ():
        _call(ADD_RULE, ruleset, NET_PORT, struct.pack("=QQ", CONNECT_TCP, port), 0)
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _program() -> list[Path]:
    """Return the files and folders from which Python, its libraries and this program are read.

    The working folder may hold secrets, such as the .env of a checkout, so only its packages are included, and the two
    pyproject.toml that name its readers. Of /etc, only files that everybody may read are included.
    """
    here = Path.cwd()
    packages = [path.parent for path in here.glob("*/__init__.py")]
    searched = [*sys.path, *os.environ.get("LD_LIBRARY_PATH", "").split(":"), sys.prefix, sys.base_prefix]
    libraries = [Path(entry) for entry in searched if entry and Path(entry).resolve() != here]
    files = [path for path in Path("/etc").iterdir() if os.path.isfile(path)]
    everybody = [path for path in files if path.stat().st_mode & stat.S_IROTH]
    return [*map(Path, SYSTEM), *everybody, *libraries, *packages, here / "pyproject.toml", here / "service"]


def _call(number: int, *arguments: object) -> int:
    answer = int(_system_call(number, *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return answer
