"""The watched folder: each file becomes a job, and is moved to a folder that shows the outcome.

    FOLDER/              put files here, or folders that are one product
    FOLDER/.working/     files that wait or are being read, each in a folder of its own
    FOLDER/done/         loaded
    FOLDER/rejected/     not loaded; NAME.reason.txt beside it says why

No file is deleted or overwritten. An advisory lock allows one round at a time, so that any number of watchers is safe.
After a crash the next round continues with each file where it lies.
"""

import ctypes
import errno
import hashlib
import json
import logging
import os
import secrets
import stat
import unicodedata
from pathlib import Path
from time import time as clock
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from ground_motion.readers.formats.unknown import UNFINISHED
from ingest.foundation.locks import Lock, short_text_key, try_lock
from ingest.foundation.storage.inputs import input_delete, input_put
from ingest.jobs.services import job_queue
from ingest.models import IngestJob

logger = logging.getLogger(__name__)

WORKING, DONE, REJECTED, SEEN = ".working", "done", "rejected", ".seen.json"
MAX_IN_A_PRODUCT = 100_000
MAX_NAME_BYTES = 180  # The limit leaves room for a number and a suffix.
AT_FDCWD, RENAME_NOREPLACE = -100, 1  # The numbers are from linux/fcntl.h and linux/fs.h.


class FileState(NamedTuple):
    """Number, total size and latest change of a file or of a folder's files; if it is equal, nothing has changed."""

    files: int
    size_bytes: int
    changed_ns: int


class Refused(ValueError):
    """Error for an entry of the watched folder that cannot become a job; the text gives reason and remedy."""


def round_make(*, folder: str | Path) -> int:
    """Scan a watched folder once: move files of ended jobs, queue new files; return the number of new jobs."""
    folder = Path(folder).resolve()
    with try_lock(Lock.WATCHED_FOLDER, short_text_key(str(folder))) as alone:
        if not alone:
            return 0
        for name in (WORKING, DONE, REJECTED):
            own = folder / name
            own.mkdir(mode=0o750, exist_ok=True)
            if own.is_symlink():
                raise OSError(f"{own} is a link; the watched folder needs a folder of its own there")
        _settle(folder)
        return _take_up(folder) + _scan(folder)


def _settle(folder: Path) -> None:
    """Move the files of loaded jobs to done/, and those of other ended jobs to rejected/."""
    keys = {_key(path): path for path in (folder / WORKING).glob("*/*")}
    inside = Q(stored_path__startswith=f"{folder / WORKING}/") | Q(stored_path__in=keys)
    jobs = IngestJob.objects.filter(inside, source=IngestJob.Source.WATCH)
    for job in jobs.exclude(state__in=IngestJob.UNSETTLED):
        path = keys.get(job.stored_path) or Path(job.stored_path)
        if os.path.lexists(path):
            note = f"{job.finished_at or timezone.now():%Y-%m-%d %H:%M:%S} UTC  {job.error}\n" if job.error else ""
            target, kind = (DONE, "note") if job.state == IngestJob.State.LOADED else (REJECTED, "reason")
            _put(path, folder / target, note, kind)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
        input_delete(job.stored_path)
        IngestJob.objects.filter(pk=job.pk).update(stored_path="")


def _key(path: Path) -> str:
    """Return the object-store key of an entry in .working/."""
    return f"watched/{path.parent.name}/{path.name}"


def _take_up(folder: Path) -> int:
    """Queue files in .working/ that have no job because their watcher died before it made one; return the number."""
    new = 0
    for own in sorted((folder / WORKING).iterdir()):
        for path in sorted(own.iterdir()) if own.is_dir() and not own.is_symlink() else ():
            if IngestJob.objects.filter(stored_path__in=[str(path), _key(path)]).exists():
                continue
            try:
                new += _queue(path)
            except Refused as refused:
                _refuse(folder, path, refused)
            except OSError:
                logger.exception("%r in the watched folder cannot be taken", path.name)
    return new


def _scan(folder: Path) -> int:
    """Queue entries unchanged for WATCH_STABLE_SECONDS, refuse unusable ones; return the number of new jobs."""
    now, seen, new = clock(), {}, 0
    try:  # Name -> (state in the previous round, time since when it is unchanged).
        kept = json.loads((folder / SEEN).read_text(encoding="utf-8"))
        before = {str(name): (list(state), float(since)) for name, (state, since) in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        before = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in {DONE, REJECTED} or path.suffix.lower() in UNFINISHED:
            continue
        try:
            state = _state_of(path)
            known, since = before.get(path.name, (None, now))
            since = since if state and known == list(state) and since <= now else now
            if state and now - since < settings.WATCH_STABLE_SECONDS:
                seen[path.name] = (state, since)
            elif state:
                new += _claim(folder, path, state)
        except Refused as refused:
            _refuse(folder, path, refused)
        except FileNotFoundError:
            continue
        except OSError:
            logger.exception("%r in the watched folder cannot be taken", path.name)
    partial = folder / f"{SEEN}.{secrets.token_hex(4)}"
    partial.write_text(json.dumps(seen, ensure_ascii=True), encoding="utf-8")
    partial.replace(folder / SEEN)
    return new


def _refuse(folder: Path, path: Path, refused: Refused) -> None:
    name = path.name.encode(errors="replace").decode()
    _put(path, folder / REJECTED, f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC  {name}: {refused}.\n", "reason")


def _state_of(path: Path) -> FileState | None:
    """Return an entry's state without opening files; None for a folder that is empty or unfinished. Raises Refused."""
    if not _readable(path.name):
        raise Refused("its name is not readable text. Give it another name")
    entry = path.lstat()
    if stat.S_ISREG(entry.st_mode):
        return FileState(1, entry.st_size, entry.st_mtime_ns)
    if stat.S_ISLNK(entry.st_mode):
        raise Refused("this is a link, not a file. Put the file itself here")
    if not stat.S_ISDIR(entry.st_mode):
        raise Refused("this is neither a file nor a folder. Put a file here")
    files = size = changed = 0
    for inside in path.rglob("*"):
        about = inside.lstat()
        if stat.S_ISDIR(about.st_mode):
            continue
        if not _readable(inside.name):
            raise Refused("the name of a file in it is not readable text. Give that another name")
        if not stat.S_ISREG(about.st_mode):
            raise Refused("something in it is a link or no file. Put the files themselves into the folder")
        if inside.suffix.lower() in UNFINISHED:
            return None
        files, size, changed = files + 1, size + about.st_size, max(changed, about.st_mtime_ns)
        if files > MAX_IN_A_PRODUCT:
            raise Refused(f"it holds more than {MAX_IN_A_PRODUCT:,} files. Give one product per folder")
    return FileState(files, size, changed) if files else None


def _readable(name: str) -> bool:
    """Return whether a name has no control characters or lone surrogates, which object stores may refuse."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)


def _claim(folder: Path, path: Path, state: FileState) -> int:
    """Move an entry to .working/ and queue it if its state is still the same; return the number of new jobs."""
    own = folder / WORKING / secrets.token_hex(8)
    own.mkdir(mode=0o700)
    try:
        path.rename(own / path.name)
    except FileNotFoundError:  # Its owner moved or deleted the file.
        own.rmdir()
        return 0
    try:
        if _state_of(own / path.name) == state:
            return _queue(own / path.name)
        _put(own / path.name, folder)  # The file is still being written.
    except Refused as refused:
        _refuse(folder, own / path.name, refused)
    own.rmdir()
    return 0


def _queue(path: Path) -> int:
    """Make a job of an entry in .working/; return 1. Raises Refused."""
    state = _state_of(path) or FileState(0, 0, 0)
    place = input_put(path, _key(path))
    job = job_queue(source=IngestJob.Source.WATCH, path=place, original_name=path.name, size_bytes=state.size_bytes)
    logger.info("%s has arrived and is job %s", job.original_name, job.pk)
    return 1


def _put(path: Path, target: Path, note: str = "", kind: str = "") -> None:
    """Move a file to the folder `target` under a free name, after its note NAME.kind.txt; never overwrite a file."""
    whole, raw = path.name, os.fsencode(path.name)
    if len(raw) > MAX_NAME_BYTES:
        whole = f"{os.fsdecode(raw[:120])}~{hashlib.sha256(raw).hexdigest()[:8]}~{os.fsdecode(raw[-40:])}"
    stem, dot, suffix = whole.rpartition(".")
    for count in range(1, 10_000):
        name = whole if count == 1 else f"{stem}-{count}.{suffix}" if dot else f"{whole}-{count}"
        free = not os.path.lexists(target / name)
        if free and (not note or _write_new(target / f"{name}.{kind}.txt", note)) and _move(path, target / name):
            return
    raise OSError(f"{target} holds too many files of the name {whole}")


def _move(path: Path, new: Path) -> bool:
    """Rename without overwriting, unlike POSIX's rename; return False if the new name is taken."""
    names = os.fsencode(path), os.fsencode(new)
    if ctypes.CDLL(None, use_errno=True).renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_NOREPLACE) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        return False
    path.rename(new)  # The file system lacks the flag; the name was free a moment ago.
    return True


def _write_new(path: Path, text: str) -> bool:
    """Write a new file; return whether the file now has this text (False: it exists with another text)."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
    except FileExistsError:
        return not path.is_symlink() and path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text
    return True
