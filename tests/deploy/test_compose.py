"""The compose file; scripts/image runs its services, which takes minutes."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())["services"]
LASTING = sorted(set(SERVICES) - {"prepare"})
SILENT_AT_WORK = {"gpu-worker"}  # one process that answers between its runs only


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_fails_is_seen_and_comes_back(name):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert name in SILENT_AT_WORK or SERVICES[name]["healthcheck"]["test"]


def test_every_process_of_the_procfile_is_a_service():
    processes = {line.split(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()}
    assert processes < set(LASTING)


def test_who_owns_the_tables_is_known_to_migrations_and_backups_only():
    for name in set(SERVICES) - {"db", "prepare", "backup"}:
        given = SERVICES[name].get("environment", {})
        assert not [key for key in ("DATABASE_OWNER_URL", "OWNER_PASSWORD", "POSTGRES_PASSWORD") if given.get(key)]
        assert "env_file" not in SERVICES[name] or "OWNER_PASSWORD" in given  # emptied, whatever .env holds


def test_only_the_proxy_is_reached_from_outside():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["proxy"]
