"""Fork server of confined processes: it imports a program once, then forks a child for each file.

Why this is as safe as a new process for each file (2026-11-30): the server is started by exec with a closed set of
descriptors and harmless variables, has one thread and parses nothing. What a child is to do, which may hold a password,
stands in a file in memory that only this child reads. Before it touches its file, a child closes what the server has
open, stays hidden and takes its limits, Landlock included. The kernel kills it if the server dies, and the server kills
its group if whoever waits is gone. Children of one server share its addresses: after a crash it is replaced.

Run: python -m ingest.jobs.fork_server DESCRIPTOR [MODULE]. DESCRIPTOR: socket on which children are ordered, each by
the file in memory, a socket for its process id and later its exit status, standard error, and descriptors to inherit.
MODULE: what is imported; its `main` is called with the command. Without it the child becomes the command (exec).
"""

import contextlib
import ctypes
import fcntl
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ingest.jobs import landlock
from ingest.jobs.confine import hide_process

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # The numbers are from linux/prctl.h.
MAX_OPEN_FILES = 256
MAX_DESCRIPTORS = 16  # One order has at most this number.
Main = Callable[[Sequence[str]], object]


def serve(control: socket.socket, main: Main | None) -> None:
    """Fork children as they are ordered, until nobody orders any more and all have ended."""
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking)
    children: dict[int, socket.socket] = {}
    poll = select.poll()
    for descriptor in (control.fileno(), woken):
        poll.register(descriptor, select.POLLIN)
    orders = True
    while orders or children:
        for descriptor, _ in poll.poll():
            if descriptor == woken:
                os.read(woken, 4096)
                _reap(children, poll)
            elif descriptor == control.fileno():
                order, descriptors, *_ = socket.recv_fds(control, 1, MAX_DESCRIPTORS)
                if not order:
                    orders = False
                    poll.unregister(control)
                    continue
                server, pid = os.getpid(), os.fork()
                if pid == 0:
                    own = [control.fileno(), woken, waking, *(status.fileno() for status in children.values())]
                    _child(server, own, descriptors, main)
                status = socket.socket(fileno=descriptors.pop(1))
                for each in descriptors:
                    os.close(each)
                children[pid] = status
                poll.register(status, select.POLLIN)
                _send(status, pid)
            else:  # The process that waited for a child has ended or given up.
                with contextlib.suppress(KeyError):  # The child may have been reaped in this very round.
                    poll.unregister(descriptor)
                for pid in [pid for pid, status in children.items() if status.fileno() == descriptor]:
                    _kill(pid)


def _reap(children: dict[int, socket.socket], poll: select.poll) -> None:
    """Report the exit statuses of children that have ended, after killing what they started."""
    for pid in list(children):
        # The process id stays taken until the wait below, so that no other process is killed.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            continue
        _kill(pid)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with children.pop(pid) as status:
            with contextlib.suppress(KeyError):
                poll.unregister(status)
            _send(status, code)


def _kill(pid: int) -> None:
    for kill in (os.kill, os.killpg):  # A child that has just begun has no group yet.
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def _send(status: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # Nobody may wait for it any more.
        status.send(str(number).encode())


def _child(server: int, own: list[int], descriptors: list[int], main: Main | None) -> None:
    """Confine this process, run its command and end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        file, status, errors, *inherited = descriptors
        with open(file, "rb") as stream:
            order = json.load(stream)
        os.dup2(errors, 2)
        for descriptor in (*own, status, errors):
            os.close(descriptor)
        named = {f"fd:{number}": f"{here}" for number, here in zip(order["descriptors"], inherited, strict=True)}
        command = [named.get(word, word) for word in order["command"]]
        environment = {name: named.get(value, value) for name, value in order["environment"].items()}
        os.chdir(order["folder"])
        _confine(server, order["limits"], order["allowed"])
        if main is None:
            for descriptor in inherited:
                fcntl.fcntl(descriptor, fcntl.F_SETFD, 0)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.execve(command[0], command, environment)  # noqa: S606 (a list of words, no shell)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # TMPDIR differs for each child.
        main(command)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _confine(server: int, limits: dict[str, int], allowed: dict[str, Any]) -> None:
    """Set limits on this process, and give up all other rights. allowed: see `landlock.restrict`."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != server:
        sys.exit(1)
    os.setsid()
    os.nice(limits["niceness"])
    limit_to = resource.setrlimit
    limit_to(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))
    limit_to(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 5))
    limit_to(resource.RLIMIT_FSIZE, (limits["file_bytes"], limits["file_bytes"]))
    limit_to(resource.RLIMIT_CORE, (0, 0))
    landlock.restrict(**allowed)
    most = min(MAX_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    limit_to(resource.RLIMIT_NOFILE, (most, most))


def start(descriptor: str, module: str = "") -> None:
    """Import a program, then serve."""
    hide_process()  # Children inherit this and are hidden from each other, too.
    main = import_module(module).main if module else None
    # A thread does not exist in a forked child, but the locks that it holds do.
    if (threads := len(os.listdir("/proc/self/task"))) > 1:
        sys.exit(f"{module} starts {threads - 1} threads when it is imported: no process can be forked.")
    gc.freeze()
    serve(socket.socket(fileno=int(descriptor)), main)


if __name__ == "__main__":
    start(*sys.argv[1:])
