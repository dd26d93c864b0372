"""Execution of a command in a limited process, so that a harmful file can harm only this. Linux only."""

import atexit
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

PR_SET_DUMPABLE = 4  # The number is from linux/prctl.h.
STANDARD_ERROR = 2
MAX_START_SECONDS = 60.0  # An import takes seconds on a machine that is busy.
MAX_STARTS = 3  # A server may be killed, or retired by another thread, just before it is asked.
CPUCLOCK_SCHED = 2  # This clock shows what a process has computed (linux/posix-timers.h).
# Python needs some of these to start; the others are harmless for a program to know.
PLAIN_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ")


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


BY_SIGNAL: dict[int, Ended] = {signal.SIGXCPU: Ended.CPU, signal.SIGKILL: Ended.KILLED, signal.SIGTERM: Ended.KILLED}


class Outcome(NamedTuple):
    """Outcome of a command; code: the exit status, or minus the signal."""

    ended: Ended
    code: int


_sockets: WeakSet[socket.socket] = WeakSet()  # A forked process must not keep others' children alive.


def _close_sockets() -> None:
    for each in list(_sockets):
        each.close()


os.register_at_fork(after_in_child=_close_sockets)
atexit.register(_close_sockets)


class ForkServer:
    """A process that has imported a program and starts confined processes of it; it ends with this process.

    module: its `main` gets the command; else the process becomes it. environment: returns variables without secrets.
    """

    def __init__(self, module: str, environment: Callable[[], Mapping[str, str]]) -> None:
        self.module, self.environment = module, environment
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def start_child(self, order: Mapping[str, object], folder: Path, descriptors: Sequence[int]) -> "Child":
        """Start a confined process. Raises OSError if no server can be started."""
        for _ in range(MAX_STARTS):
            with open(os.memfd_create("order"), "w+") as file:
                json.dump({**order, "folder": str(folder), "descriptors": descriptors}, file)
                file.flush()
                file.seek(0)  # The reader shares the position.
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                ours.settimeout(MAX_START_SECONDS)
                _sockets.add(ours)
                with theirs, self._lock:
                    control = self._control or self._start(folder)
                    with contextlib.suppress(OSError):
                        socket.send_fds(control, [b"f"], [file.fileno(), theirs.fileno(), STANDARD_ERROR, *descriptors])
            with contextlib.suppress(OSError):
                if pid := ours.recv(32):
                    return Child(int(pid), ours)
            ours.close()
            self.retire(control)  # The server was killed meanwhile.
        raise ChildProcessError(f"The fork server of {self.module or 'commands'} does not start.")

    def retire(self, control: socket.socket | None = None) -> None:
        """Let the server (the one at this socket) end with its last child. A new server starts the next child."""
        with self._lock:
            if self._control and control in {None, self._control}:
                self._control.close()
                self._control = None

    def _start(self, folder: Path) -> socket.socket:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _sockets.add(self._control)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "ingest.jobs.fork_server", f"{theirs.fileno()}", self.module],
                env=dict(self.environment()),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        threading.Thread(target=process.wait, name="fork server", daemon=True).start()
        return self._control


class Child(NamedTuple):
    """A confined process. status: socket that reports the end of the process; shutting it down kills the process."""

    pid: int
    status: socket.socket

    def wait(self, seconds: float | None) -> int:
        """Return the exit status, or minus the signal. Raises TimeoutError."""
        self.status.settimeout(seconds)
        code = self.status.recv(32)
        return int(code) if code else -signal.SIGKILL  # The server was killed, and all of its children with it.


COMMANDS = ForkServer("", lambda: {name: os.environ[name] for name in PLAIN_VARIABLES if name in os.environ})


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
    server: ForkServer = COMMANDS,
) -> Outcome:
    """Run a command and wait for its end.

    Where the kernel has Landlock, the command reads nothing but its program and what is named here, and neither reads
    nor signals other processes.

    Args:
        command: program and arguments; arguments only, if the server has imported a program
        environment: all variables of the command
        folder: working folder
        limits: what the command may use
        go_on: called with the command's processor time, s; the answer False kills the command
        every_seconds: between two calls of go_on
        readable: files and folders that the command may read
        writable: files and folders that the command may read and write
        ports: TCP ports that the command may connect to
        descriptors: file descriptors that the command inherits besides standard error; in its words and variables,
            `fd:N` becomes the number that the descriptor N has there
        server: starts the process
    """
    allowed = {"readable": [*map(str, readable)], "writable": [*map(str, writable)], "ports": [*ports]}
    order = {"command": command, "environment": {**environment}, "limits": limits._asdict(), "allowed": allowed}
    ends_at = time.monotonic() + limits.wall_seconds
    child = server.start_child(order, folder, descriptors)
    try:
        outcome = _wait(child, ends_at, go_on, every_seconds)
    finally:
        with child.status, contextlib.suppress(OSError):
            child.status.shutdown(socket.SHUT_WR)
            child.wait(None)  # Until it has ended, it may write into its folder.
    if outcome.ended is Ended.CRASHED:
        server.retire()  # A file that guesses addresses in memory must not meet the same addresses again.
    return outcome


def _wait(child: Child, ends_at: float, go_on: Callable[[float], bool], every_seconds: float) -> Outcome:
    while (left := ends_at - time.monotonic()) > 0:
        try:
            code = child.wait(min(every_seconds, left))
        except TimeoutError:
            if not go_on(_computed_seconds(child.pid)):
                return Outcome(Ended.ABANDONED, -signal.SIGKILL)
        else:
            return Outcome(Ended.DONE if code >= 0 else BY_SIGNAL.get(-code, Ended.CRASHED), code)
    return Outcome(Ended.TIME, -signal.SIGKILL)


def hide_process() -> None:
    """Make this process's environment, memory and open files unreadable for other processes of its system user.

    Without it, a confined command could read its parent's secrets under /proc. The state passes to forked processes and
    ends with exec. A process that is hidden leaves no core dump.
    """
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _computed_seconds(pid: int) -> float:
    """Return the processor time of a process, s; 0 if it has ended."""
    # Do not read /proc: ProtectProc=invisible hides processes that hide themselves (`hide_process`) there.
    try:
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    except OSError:
        return 0.0
