"""Execution of a command in its own process, with limits, so that a harmful file can harm only this process.

This module is also the launcher (python -m ingest.jobs.confine): it sets the limits on its own process, which then
becomes the command. Linux only.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ingest.jobs import landlock

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38  # linux/prctl.h
CPUCLOCK_SCHED = 2  # This clock shows what a process has computed (linux/posix-timers.h).
MAX_OPEN_FILES = 256


class Limits(NamedTuple):
    """Limits of a confined command.

    memory_bytes: address space, of which libraries reserve more than they use; file_bytes: size of the largest file
    that may be written; niceness: added to the caller's, 0 if a person waits for the answer.
    """

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    wall_seconds: float
    niceness: int = 10


class Ended(StrEnum):
    """Way in which a confined command ended."""

    DONE = "done"
    TIME = "time"
    CPU = "cpu"
    KILLED = "killed"
    CRASHED = "crashed"
    ABANDONED = "abandoned"


class Outcome(NamedTuple):
    """Outcome of a command; code: the exit status, or minus the signal."""

    ended: Ended
    code: int


def run_confined(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    limits: Limits,
    go_on: Callable[[float], bool],
    every_seconds: float,
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    ports: Sequence[int] = (),
    descriptors: Sequence[int] = (),
) -> Outcome:
    """Run a command and wait for its end.

    Where the kernel has Landlock, the command reads nothing but its program and what is named here, and neither reads
    nor signals other processes.

    Args:
        command: program and arguments
        environment: all variables of the command
        folder: working folder
        limits: what the command may use
        go_on: called with the command's processor time, s; the answer False kills the command
        every_seconds: between two calls of go_on
        readable: files and folders that the command may read
        writable: files and folders that the command may read and write
        ports: TCP ports that the command may connect to
        descriptors: file descriptors that the command inherits besides standard error
    """
    allowed = {"readable": [*map(str, readable)], "writable": [*map(str, writable)], "ports": [*ports]}
    limits_json = json.dumps([os.getpid(), limits, allowed])
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest.jobs.confine", limits_json, *command],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=descriptors,
    )
    ends_at = time.monotonic() + limits.wall_seconds
    try:
        while True:
            left = ends_at - time.monotonic()
            if left <= 0:
                return Outcome(Ended.TIME, -signal.SIGKILL)
            try:
                return _outcome(process.wait(min(every_seconds, left)))
            except subprocess.TimeoutExpired:
                if not go_on(_computed_seconds(process.pid)):
                    return Outcome(Ended.ABANDONED, -signal.SIGKILL)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def hide_process() -> None:
    """Make this process's environment, memory and open files unreadable for other processes of its system user.

    Without it, a confined command could read its parent's secrets under /proc. The state passes to forked processes and
    ends with exec. A process that is hidden leaves no core dump.
    """
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _outcome(code: int) -> Outcome:
    if code >= 0:
        return Outcome(Ended.DONE, code)
    by_signal = {signal.SIGXCPU: Ended.CPU, signal.SIGKILL: Ended.KILLED, signal.SIGTERM: Ended.KILLED}
    return Outcome(by_signal.get(signal.Signals(-code), Ended.CRASHED), code)


def _computed_seconds(pid: int) -> float:
    """Return the processor time of a process, s; 0 if it has ended."""
    # Not from /proc: under ProtectProc=invisible nobody finds a process there that hides itself (`hide_process`).
    try:
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def main(limits_json: str, *command: str) -> None:
    """Set the limits that `run_confined` told on this process, then replace it by the command (exec)."""
    parent, given, allowed = json.loads(limits_json)
    limits = Limits(*given)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # The parent reads the outcome, so this process ends with it.
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.nice(limits.niceness)
    limit_to = resource.setrlimit
    limit_to(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    limit_to(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    limit_to(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))
    limit_to(resource.RLIMIT_CORE, (0, 0))
    landlock.restrict(**allowed)
    most = min(MAX_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    limit_to(resource.RLIMIT_NOFILE, (most, most))
    os.execv(command[0], command)  # noqa: S606 (a list of words, no shell)


if __name__ == "__main__":
    main(*sys.argv[1:])
