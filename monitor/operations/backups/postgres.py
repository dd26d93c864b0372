"""pg_dump and pg_restore, run as the tables' owner; passwords go through the environment, never the command line."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from django.conf import settings

from monitor.operations.backups.manifest import Unusable

# Policies name roles: manage.py migrate creates them for this server's roles. The last one is PostGIS's own table.
NOT_RESTORED = (" POLICY ", " ROW SECURITY ", " spatial_ref_sys ")


def dump(path: Path, snapshot: str) -> None:
    """Write the database as it was at an exported snapshot. Raises Unusable."""
    options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--snapshot={snapshot}"]
    _run("pg_dump", *options, f"--file={path}")


def restore(path: Path) -> None:
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
    command = [_found(program), *arguments]
    done = subprocess.run(command, env=os.environ | _connection(), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unusable(f"{program} failed: {reason[0]}")
    return done.stdout


def _connection() -> dict[str, str]:
    database = settings.DATABASE_OWNER
    host = database.get("OPTIONS", {}).get("host") or database.get("HOST")
    values = {
        "PGHOST": host,
        "PGPORT": database.get("PORT"),
        "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"),
        "PGDATABASE": database.get("NAME"),
    }
    return {name: str(value) for name, value in values.items() if value}


def _found(program: str) -> str:
    """Return the path of the program's newest installed version: it must not be older than the server."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
    path = str(installed[-1]) if installed else shutil.which(program)
    if not path:
        raise Unusable(f"{program} is not installed; install PostgreSQL's client (postgresql-client on Debian)")
    return path
