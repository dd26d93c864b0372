"""Backups: the database at one moment, every raster that a row of it names, the secret key and the settings.

A raster never changes under its name, so a second backup into the same folder copies only new ones. Until the new
manifest is written, the folder holds the previous backup. In a series, every backup has its own folder, named by its
time; unchanged files are hard links to those of the previous backup.
pg_dump and pg_restore run as the tables' owner; passwords go through the environment, never the command line.
"""

import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ground_motion.core.files import OWNER_ONLY, new_file
from ground_motion.runtime.code_version import code_version
from ingest.foundation.locks import Lock, try_lock
from ingest.foundation.storage import raster_put_back, raster_storage, rasters_named
from monitor.operations.backups import manifest as lists
from monitor.operations.backups.manifest import RASTERS, SECRET_KEY, SETTINGS, Entry, Manifest, Unusable
from monitor.operations.health.selectors import BACKUP, sign_give

UNFINISHED = "UNFINISHED"
WAIT_SECONDS, RETRY_SECONDS = 1800.0, 1.0
SERIES, SERIES_TIME = "????-??-??T??????Z", "%Y-%m-%dT%H%M%SZ"  # names of the folders
# Policies name roles: manage.py migrate creates them for this server's roles. The last one is PostGIS's own table.
NOT_RESTORED = (" POLICY ", " ROW SECURITY ", " spatial_ref_sys ")


def backup_make(*, folder: Path) -> Manifest:
    """Make a backup in a folder that only its owner can read. On Unusable the folder's last backup remains valid."""
    before = _own_folder(folder)
    with _nothing_is_deleted(), _snapshot() as snapshot:
        migrations = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
        files, missing = _rasters_copy(folder, before)
        database = f"database-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.dump"
        with new_file(folder / database, OWNER_ONLY) as file:
            _dump(file.name, snapshot)
    with (folder / database).open("rb") as file:
        files[database] = lists.entry_of(file)
    files[SECRET_KEY] = lists.written(folder / SECRET_KEY, BytesIO(settings.SECRET_KEY.encode()))
    if (own := settings.BASE_DIR / ".env").exists():
        with own.open("rb") as source:
            files[SETTINGS] = lists.written(folder / SETTINGS, source)
    made = Manifest(datetime.now(UTC).isoformat(), code_version(), migrations, database, files, missing)
    made.write(folder)
    kept = {folder / name for name in files}
    for path in (*folder.glob("database-*.dump*"), *(folder / RASTERS).glob("*")):
        if path not in kept and path.is_file():
            path.unlink()
    (folder / UNFINISHED).unlink()
    sign_give(name=BACKUP)
    return made


def backup_add(*, series: Path, keep: int) -> tuple[Path, Manifest]:
    """Add a backup to a series, delete all but the newest `keep`, and return its folder and manifest."""
    before = series_folders(series)
    name = f"{datetime.now(UTC):{SERIES_TIME}}"
    unfinished = series / f".{name}"  # The folder is renamed when the backup is complete.
    series.mkdir(mode=0o700, parents=True, exist_ok=True)
    if before:
        shutil.copytree(before[-1], unfinished, copy_function=os.link)
    made = backup_make(folder=unfinished)
    folder = unfinished.rename(series / name)
    given_up = (path for path in series.glob(f".{SERIES}") if path.name < unfinished.name)
    for path in (*[*before, folder][:-keep], *given_up):
        shutil.rmtree(path)
    return folder, made


def series_folders(series: Path) -> list[Path]:
    """Return the folders of the backups of a series, oldest first."""
    return sorted(path for path in series.glob(SERIES) if (path / lists.NAME).exists())


def backup_restore(*, folder: Path) -> Manifest:
    """Fill an empty service from a backup. Raises Unusable, where possible before anything is changed."""
    manifest = lists.read(folder)
    _refuse(folder, manifest)
    lists.check(folder, manifest)
    _rasters_restore(folder, manifest)
    connection.close()
    _restore(folder / manifest.database)
    if "SECRET_KEY" not in os.environ and SECRET_KEY in manifest.files:
        with (folder / SECRET_KEY).open("rb") as source:
            lists.written(settings.VAR_DIR / "secret_key", source)
    return manifest


def _own_folder(folder: Path) -> dict[str, Entry]:
    """Prepare the folder and return the files of its last backup. Raises Unusable if it holds anything else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    finished = (folder / lists.NAME).exists()
    if not finished and not (folder / UNFINISHED).exists() and any(folder.iterdir()):
        raise Unusable(f"{folder} holds other things; give an empty folder, or that of an earlier backup")
    folder.chmod(0o700)
    (folder / UNFINISHED).touch(mode=0o600)
    return lists.read(folder).files if finished else {}


@contextmanager
def _nothing_is_deleted() -> Iterator[None]:
    """Keep manage.py prune and other backups from running, after waiting for one that runs. Raises Unusable."""
    ends_at = time.monotonic() + WAIT_SECONDS
    while True:
        with try_lock(Lock.RETENTION) as alone:
            if alone:
                yield
                return
        if time.monotonic() > ends_at:
            raise Unusable("another backup or manage.py prune is running; try again when it has ended")
        time.sleep(RETRY_SECONDS)


@contextmanager
def _snapshot() -> Iterator[str]:
    """Open a snapshot of the database, for this process and for pg_dump; yield its name."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone()
        yield name


def _rasters_copy(folder: Path, before: dict[str, Entry]) -> tuple[dict[str, Entry], list[str]]:
    """Copy the rasters that the folder lacks; return all its rasters, and the names of those missing from storage."""
    storage, files, missing = raster_storage(), {}, []
    for name in sorted({*rasters_named()}):
        path = f"{RASTERS}/{name}"
        try:
            known = before.get(path)
            if known and (folder / path).exists() and storage.size(name) == known.size_bytes:
                files[path] = known
                continue
            with storage.open(name) as source:
                files[path] = lists.written(folder / path, source)
        except FileNotFoundError:
            missing.append(name)
    return files, missing


def _refuse(folder: Path, manifest: Manifest) -> None:
    """Refuse a newer backup, one with another key, which would break links in mails, and a database with tables."""
    disk = MigrationLoader(None).disk_migrations
    known = {*disk, *(replaced for migration in disk.values() for replaced in migration.replaces)}
    names, ours = {f"{app}.{name}" for app, name in known}, {app for app, _ in known}
    newer = [name for name in manifest.migrations if name not in names and name.split(".")[0] in ours]
    if newer:
        raise Unusable(
            f"this backup was made by a newer version ({manifest.code_version}, migration {newer[-1]});"
            " install that version first"
        )
    if "SECRET_KEY" in os.environ and (folder / SECRET_KEY).read_text() != settings.SECRET_KEY:
        raise Unusable(f"SECRET_KEY is not that of the backup; set it to what {folder / SECRET_KEY} holds, or unset it")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        )
        (n_tables,) = cursor.fetchone()
    if n_tables:
        raise Unusable(f"the database is not empty ({n_tables} tables); restore into a new one")


def _rasters_restore(folder: Path, manifest: Manifest) -> None:
    """Put every raster into the storage under its name. Raises Unusable, before any change, if one there differs."""
    storage = raster_storage()
    rasters = {name.removeprefix(f"{RASTERS}/"): entry for name, entry in manifest.files.items() if "/" in name}
    for check in (True, False):  # check all before changing something
        for name, entry in rasters.items():
            if storage.exists(name):
                with storage.open(name) as file:
                    if lists.entry_of(file) != entry:
                        raise Unusable(f"the raster storage holds another {name}; restore into an empty one")
            elif not check:
                with (folder / RASTERS / name).open("rb") as file:
                    raster_put_back(name, File(file))


def _dump(path: str, snapshot: str) -> None:
    """Write the database as it was at an exported snapshot. Raises Unusable."""
    options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--snapshot={snapshot}"]
    _run("pg_dump", *options, f"--file={path}")


def _restore(path: Path) -> None:
    """Fill an empty database in one transaction. Raises Unusable and leaves the database empty on failure."""
    contents = _run("pg_restore", "--list", str(path)).splitlines()
    chosen = "\n".join(line for line in contents if not any(mark in line for mark in NOT_RESTORED))
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.write(f"{chosen}\n")
        wanted.flush()
        options += [f"--use-list={wanted.name}", f"--dbname={settings.DATABASE_OWNER['NAME']}"]
        _run("pg_restore", *options, str(path))


def _run(program: str, *arguments: str) -> str:
    """Run the newest installed version of a program of PostgreSQL, which must not be older than the server."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
    if not (path := str(installed[-1]) if installed else shutil.which(program)):
        raise Unusable(f"{program} is not installed; install PostgreSQL's client (postgresql-client on Debian)")
    environment = os.environ | _connection() | {"LC_ALL": "C"}
    done = subprocess.run([path, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        if "output file" in reason and os.strerror(errno.ENOSPC) in reason:
            raise OSError(errno.ENOSPC, reason)
        raise Unusable(f"{program} failed: {reason}. Correct this, then run the command again")
    return done.stdout


def _connection() -> dict[str, str]:
    database = settings.DATABASE_OWNER
    values = {f"PG{name}": database.get(name) for name in ("HOST", "PORT", "USER", "PASSWORD")}
    values["PGHOST"] = database.get("OPTIONS", {}).get("host") or values["PGHOST"]
    values["PGDATABASE"] = database.get("NAME")
    return {name: str(value) for name, value in values.items() if value}
