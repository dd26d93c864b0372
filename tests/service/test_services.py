"""The private cluster: what a superuser filled is taken over, and whoever reaches its socket is nobody yet."""

import lzma
import os
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.servers import ADDRESSES, ROOT, python, services

DUMP = ROOT / "tests" / "data" / "demo-of-0.4.0.sql.xz"
DROPPED = {*ADDRESSES, "DJANGO_SETTINGS_MODULE"}
# As a superuser fills it, for example from a dump: it owns everything, and nobody is asked for a password.
AS_IT_WAS = """
    . scripts/common.sh
    psql() { as_db_owner "$PG_BIN/psql" -qAtX -v ON_ERROR_STOP=1 -h "$SOCKETS" -U ground_motion -d ground_motion; }
    psql <<'END' >/dev/null
        ALTER DATABASE ground_motion OWNER TO ground_motion;
        DROP OWNED BY ground_motion_owner;
END
    psql <"$DUMP" >/dev/null
    HBA=$(echo 'SHOW hba_file' | psql)
    echo 'local all all trust' | as_db_owner tee "$HBA" >/dev/null
    as_db_owner "$PG_BIN/pg_ctl" -D "$(dirname "$HBA")" -s reload
    rm "$GROUND_MOTION_VAR/database_passwords"
"""
SEEN = """
import sys, django
django.setup()
from django.core.management import call_command
from django.db import connection
with connection.cursor() as k:
    k.execute("SELECT current_user, count(*) FROM detection_alert"); print(*k.fetchone())
    k.execute("SELECT count(*) FROM ml_prediction"); print(*k.fetchone())
    ours = "schemaname = 'public' AND tablename <> 'spatial_ref_sys'"
    k.execute(f"SELECT DISTINCT tableowner FROM pg_tables WHERE {ours}")
    print(*k.fetchall())
call_command("ingest", sys.argv[1])
"""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("services")
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    own = kept | {"GROUND_MOTION_VAR": str(folder / "var"), "DUMP": str(folder / "dump.sql")}
    services("start", own)
    yield own
    services("remove", own)


def sockets(surroundings: dict[str, str]) -> str:
    settings = (Path(surroundings["GROUND_MOTION_VAR"]) / "services.env").read_text()
    return settings.partition("host=")[2].splitlines()[0]


@pytest.mark.demo
def test_who_reaches_the_socket_needs_a_password_and_files_with_passwords_are_the_owners(surroundings):
    def signs_in(*wanted: str) -> bool:
        command = ["psql", "--no-password", "-h", sockets(surroundings), "-d", "ground_motion", "-c", "SELECT 1"]
        return subprocess.run([*command, *wanted], capture_output=True, check=False).returncode == 0

    assert not signs_in("-U", "ground_motion_owner")
    assert not signs_in("-U", "ground_motion_reader")
    if os.getuid() == 0:  # then the cluster belongs to another system user, whom even this one is not
        assert not signs_in("-U", "ground_motion")
    for name in ("services.env", "database_passwords"):
        assert (Path(surroundings["GROUND_MOTION_VAR"]) / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.demo
def test_a_database_that_a_superuser_filled_goes_to_the_owner_role_with_all_its_rows(surroundings, make_egms):
    Path(surroundings["DUMP"]).write_bytes(lzma.decompress(DUMP.read_bytes()))
    where = surroundings | {"SOCKETS": sockets(surroundings)}
    subprocess.run(["bash", "-c", AS_IT_WAS], env=where, cwd=ROOT, check=True)

    for _ in range(2):  # the second time there is nothing left to do
        services("start", surroundings)
    python("manage.py", "migrate", "--verbosity", "0", around=surroundings)
    *seen, loaded = python("-c", SEEN, make_egms(n=12), around=surroundings).stdout.splitlines()
    assert seen == ["ground_motion_application 12", "166", "('ground_motion_owner',)"]
    assert "12 points" in loaded
