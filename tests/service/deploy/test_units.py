"""Units of systemd, the files of the images, and the guide for systemd, as text; test_compose runs the images."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from kombu.transport.pyamqp import Transport

from monitor.celery import app

ROOT = Path(__file__).resolve().parents[3]
INSTALLED = "/opt/ground-motion-monitor"
UNITS = sorted(path.name for path in (ROOT / "docker" / "systemd").glob("*.service"))
MAX_EXPOSED = 20  # tenths of what systemd calls exposure: 100 is a unit without any restriction

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def installed(tmp_path) -> Path:
    """The units as they would be installed, for programs of this checkout."""
    folder = tmp_path / "units"
    shutil.copytree(ROOT / "docker" / "systemd", folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(INSTALLED, str(ROOT)))
    return folder


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}
    return subprocess.run(["systemd-analyze", *arguments], env=environment, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(installed):
    checked = analyze(installed, "verify", *map(str, [*installed.glob("*.service"), *installed.glob("*.t*")]))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_process_may_do_little_besides_its_work(installed, unit):
    options = ("--offline=true", "--no-pager", f"--threshold={MAX_EXPOSED}")
    checked = analyze(installed, "security", *options, str(installed / unit))
    assert checked.returncode == 0, checked.stdout


def test_every_process_of_the_procfile_has_a_unit_and_a_word_of_the_image_for_the_same_queues():
    entrypoint = (ROOT / "docker" / "entrypoint.sh").read_text()
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, command = line.split(":", 1)
        unit = (ROOT / "docker" / "systemd" / f"ground-motion-{name}.service").read_text()
        wanted = queues(command) - {"gpu"}  # there, a worker of its own
        assert queues(unit) == wanted
        assert queues(re.search(rf"^  {name}\)(.*?);;", entrypoint, re.MULTILINE | re.DOTALL)[1]) == wanted


def queues(command: str) -> set[str]:
    match = re.search(r"--queues (\S+)", command)
    return set(match[1].split(",")) if match else set()


def git(*arguments: object, cwd: Path) -> str:
    command = ["git", "-c", "user.name=guide", "-c", "user.email=guide@localhost", *map(str, arguments)]
    return subprocess.check_output(command, cwd=cwd, text=True).strip()


GUIDE = (
    (ROOT / "docs" / "administrators.md").read_text().split("\n## A public site with systemd\n")[1].split("\n## ")[0]
)
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_guide_gets_the_code_and_a_new_version_from_what_anybody_can_clone(tmp_path):
    repository, installed = tmp_path / "repository.git", tmp_path / "installed"
    git("clone", "--quiet", "--bare", "--shared", ROOT, repository, cwd=ROOT)
    git("update-ref", "refs/heads/main", git("rev-parse", "HEAD", cwd=ROOT), cwd=repository)
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=repository)
    first, *later = [line for block in BLOCKS for line in block.splitlines() if re.match("git (?!config)", line)]
    get = "\n".join([BLOCKS[0], first]).replace(INSTALLED, str(installed))
    get = get.replace("https://git.example.org/ground-motion-monitor.git", str(repository))
    subprocess.run(["bash", "-euc", get], check=True)
    assert git("rev-parse", "HEAD", cwd=installed) == git("rev-parse", "HEAD", cwd=repository)
    new = git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "a new version", cwd=repository)
    git("update-ref", "HEAD", new, cwd=repository)
    subprocess.run(["bash", "-euc", "\n".join(later)], check=True, cwd=installed)
    assert git("rev-parse", "HEAD", cwd=installed) == new


def test_the_commands_of_the_guide_are_commands_with_settings_and_units_that_exist():
    for block in BLOCKS:
        read = subprocess.run(["bash", "-n"], input=block, check=False, capture_output=True, text=True)
        assert (read.returncode, read.stderr) == (0, "")
    described = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    settings = {name for block in BLOCKS for name in re.findall(r"^([A-Z_]{5,})=", block, re.MULTILINE)}
    assert "DATABASE_URL" in settings
    assert settings - {"REPOSITORY"} <= described
    units = {name for block in BLOCKS for name in re.findall(r"ground-motion[\w-]*\.(?:target|timer)", block)}
    assert units
    assert [name for name in units if not (ROOT / "docker" / "systemd" / name).exists()] == []


SERVICES = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())["services"]
LASTING = sorted(set(SERVICES) - {"prepare"})
SILENT_AT_WORK = {"gpu-worker"}  # one process that answers between its runs only


def test_both_images_write_the_shared_volume_as_one_user():
    images = ((ROOT / "docker" / name).read_text() for name in ("Dockerfile", "Dockerfile.gpu"))
    assert [re.findall(r"(?:--uid|^USER) (\d+)", image, re.MULTILINE) for image in images] == [["1000", "1000"]] * 2


def test_the_client_that_makes_backups_is_as_new_as_the_server():
    server = re.match(r"postgis/postgis:(\d+)-", SERVICES["db"]["image"])[1]
    assert f"postgresql-client-{server} " in (ROOT / "docker" / "Dockerfile").read_text()


def test_every_service_is_confined_and_one_that_fails_is_seen_and_comes_back():
    assert {line.split(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()} < set(LASTING)
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["proxy"]  # Only it is reached from outside.
    for name, service in SERVICES.items():
        confined = [service["read_only"], service["cap_drop"], service["security_opt"], service.get("privileged")]
        assert confined == [True, ["ALL"], ["no-new-privileges:true"], None], name
        assert service["mem_limit"], name
    for name in LASTING:
        assert SERVICES[name]["restart"] == "unless-stopped", name
        assert name in SILENT_AT_WORK or SERVICES[name]["healthcheck"]["test"]


def test_celery_uses_no_queue_and_no_limit_that_the_rabbitmq_of_the_compose_file_refuses():
    """RabbitMQ 4.3 knows no queues that are neither durable nor exclusive, and no limit for a whole channel."""
    assert SERVICES["rabbitmq"]["image"] == "rabbitmq:4"
    mailbox = app.control.mailbox
    assert mailbox.queue_exclusive
    assert not mailbox.queue_durable
    assert app.conf.event_queue_exclusive
    assert all(queue.durable for queue in app.amqp.queues.values())
    connection = SimpleNamespace(server_properties={"product": "RabbitMQ", "version": "4.3.6"})
    assert Transport(client=None).qos_semantics_matches_spec(connection)


def test_who_owns_the_tables_is_known_to_migrations_and_backups_only():
    for name in set(SERVICES) - {"db", "prepare", "backup"}:
        given = SERVICES[name].get("environment", {})
        assert not [key for key in ("DATABASE_OWNER_URL", "OWNER_PASSWORD", "POSTGRES_PASSWORD") if given.get(key)]
        assert "env_file" not in SERVICES[name] or "OWNER_PASSWORD" in given  # emptied, whatever .env holds


def setting(unit: str, name: str) -> str:
    """Return a value of an Environment= line, or of a setting, of a unit."""
    return re.search(rf"\b{name}=(\S+)", (ROOT / "docker" / "systemd" / f"ground-motion-{unit}.service").read_text())[1]


def test_what_the_proxy_spools_lies_on_a_disk():
    targets = [volume.rpartition(":")[2] for volume in SERVICES["proxy"]["volumes"]]
    assert "/tmp" in targets
    assert "/tmp" not in SERVICES["proxy"]["tmpfs"]
    assert setting("proxy", "PROXY_STATE") == f"/var/cache/{setting('proxy', 'CacheDirectory')}"


def test_no_variable_of_the_proxy_has_two_meanings():
    written = "".join(path.read_text() for path in (ROOT / "docker" / "nginx").glob("*.conf"))
    named = re.findall(r"^ *map \S+ \$(\w+)", written, re.MULTILINE)
    assert "body_kind" in named
    assert len(named) == len(set(named))


def nginx_value(pattern: str) -> float:
    """Return the number that the configuration of the proxy has at a pattern, in megabytes if it is one of bytes."""
    written = "".join((ROOT / "docker" / "nginx" / f"{name}.conf").read_text() for name in ("nginx", "site", "bodies"))
    number, unit = re.search(rf"{pattern}(\d+)([km]?)\b", written).groups()
    return int(number) * {"": 1, "k": 2**10 / 1e6, "m": 2**20 / 1e6}[unit]


def test_the_worst_that_visitors_can_do_fits_the_memory_and_the_room_that_is_stated():
    connections, everybody = nginx_value("limit_conn all_connections "), nginx_value("limit_conn everybody ")
    pools = {kind: nginx_value(f"limit_conn {kind} ") for kind in ("forms", "large_forms", "known", "notes", "uploads")}
    buffers = nginx_value(r"proxy_buffers \d+ ") * nginx_value("proxy_buffers ") + nginx_value(
        "proxy_buffer_size (?!4k)"
    )
    memory = connections * (0.06 + 0.22) + everybody * buffers
    memory += sum(pools.values()) * 2 * nginx_value("client_body_buffer_size ")
    assert memory < 0.8 * int(SERVICES["proxy"]["mem_limit"].removesuffix("m"))
    assert 3 * connections + everybody + 4 * sum(pools.values()) < nginx_value("worker_connections ")
    assert nginx_value("worker_connections ") * 2 <= nginx_value("worker_rlimit_nofile ")

    def largest(kind: str) -> float:
        return nginx_value(rf"\.body/{kind} \{{[^}}]*client_max_body_size ")

    disk = everybody * nginx_value("proxy_max_temp_file_size ")
    disk += pools["forms"] * nginx_value("client_max_body_size ") + pools["large_forms"] * largest("boundary")
    disk += pools["known"] * largest("known") + pools["notes"] * largest("note") + nginx_value("max_size=")
    words = (ROOT / "docker" / "nginx" / "nginx.conf").read_text()
    stated = float(re.search(r"tiles: ([\d.]+) GB", " ".join(words.replace("#", "").split()))[1])
    assert 0.9 * stated < disk / 1000 < stated


def test_few_networks_take_all_places_of_none():
    most = int(re.search(r"MAX_PER_NETWORK:-(\d+)", (ROOT / "docker" / "nginx" / "start").read_text())[1])
    assert nginx_value("limit_conn all_connections ") >= 10 * most
    assert nginx_value("limit_conn everybody ") >= 10 * most
    assert nginx_value("limit_conn forms ") >= 10 * nginx_value("limit_conn senders ")
    assert nginx_value("limit_conn large_forms ") >= 10 * nginx_value("limit_conn large_senders ")


def test_the_proxy_sends_files_from_where_the_site_keeps_them():
    proxy, web = SERVICES["proxy"], SERVICES["web"]
    assert f":-{web['environment']['GROUND_MOTION_VAR']}/rasters}}" in proxy["environment"]["RASTER_DIR"]
    assert "data:/data:ro" in proxy["volumes"]
    kept = setting("proxy", "RASTER_DIR")
    assert kept == f"{setting('web', 'GROUND_MOTION_VAR')}/rasters"
    prepare = (ROOT / "docker" / "systemd" / "ground-motion-prepare.service").read_text()
    assert f"-g {setting('proxy', 'User')} -m 2750 {kept}\n" in prepare
