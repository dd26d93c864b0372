"""Table of the conditions that hold in a healthy service, each with its remedy."""

from functools import partial

from monitor.operations.health import site_checks, work_checks
from monitor.operations.health.condition import Condition, Setup
from monitor.schedule import QUEUES

START_WORKER = (
    "Start the worker of this queue (Procfile or docker/compose.yml say how), or look into its log; where it runs,"
    " compare the clocks of the machines: a scheduled task expires within seconds."
)
BACK_UP = (
    "See why manage.py backup fails: the log of the service backup (docker/compose.yml) or of"
    " ground-motion-backup.service (docker/systemd) says it. Where neither runs, start one."
)
DATABASE = Condition(
    "database",
    site_checks.database,
    "Start PostgreSQL, or correct DATABASE_URL. What was running is taken up again by itself.",
    site_needs=True,
    needs_database=False,
)
CONDITIONS = (
    DATABASE,
    Condition(
        "migrations", site_checks.migrations, "Run manage.py prepare, then restart every process.", site_needs=True
    ),
    Condition(
        "broker",
        site_checks.broker,
        "Start it, or correct BROKER_URL or REDIS_URL. Nothing is lost: waiting work is announced again after a"
        " minute.",
        site_needs=True,
        needs_database=False,
    ),
    Condition(
        "web",
        site_checks.web,
        "Start the web process, or look into its log; where it runs on another machine, set WEB.",
    ),
    Condition(
        "requests",
        site_checks.requests,
        "Look into the log of the web process for “longer than it may”: the lines below it say where it hung."
        " Another process has taken its place.",
    ),
    Condition(
        "replica",
        site_checks.replica,
        "Start it, or correct DATABASE_REPLICA_URL; until then the primary answers all readers.",
    ),
    Condition("cache", site_checks.cache, "Start Redis, or correct REDIS_URL.", needs_database=False),
    Condition(
        "database role",
        site_checks.database_role,
        "Make three roles (scripts/database_roles.sql), and set DATABASE_URL, DATABASE_OWNER_URL and"
        " DATABASE_READER_URL.",
        alarms=False,
    ),
    Condition(
        "raster storage",
        site_checks.storage,
        "Make RASTER_DIR writable for the account that runs the service, or free its disk; where"
        " RASTER_STORAGE_URL is set, see whether the object store runs, takes writes and has the same time.",
        needs_database=False,
    ),
    Setup(
        "base map",
        site_checks.base_map,
        "Correct BASEMAP to a PMTiles file, or leave it empty: maps then show what is loaded.",
    ),
    Setup(
        "geocoder",
        site_checks.geocoder,
        "Correct GEOCODER_URL and name its host in OUTBOUND_HOSTS, or leave it empty: what is loaded is found.",
    ),
    Condition(
        "second person",
        site_checks.second_person,
        "Invite a publisher at /accounts/, or leave SECOND_PERSON_FROM empty.",
        alarms=False,
    ),
    Setup(
        "push key",
        site_checks.push_key,
        "Run manage.py prepare, which makes one, or set PUSH_PRIVATE_KEY; then restart every process.",
    ),
    Setup("GDAL", site_checks.gdal, "Install rasterio anew."),
    Condition(
        "disk",
        work_checks.disk,
        "Free the disk (manage.py prune --dry-run says what may go) or make it larger.",
        needs_database=False,
    ),
    Setup(
        "workers",
        work_checks.workers,
        "Start a worker for these queues (Procfile or docker/compose.yml say how).",
    ),
    Condition(
        "beat",
        work_checks.beat,
        "Start beat, or look into its log. Until then nothing is fetched, loaded, searched or sent.",
    ),
    *(Condition(f"queue {queue}", partial(work_checks.queue, queue), START_WORKER) for queue in QUEUES),
    Condition("backup", work_checks.backup, BACK_UP),
    Condition("stuck work", work_checks.stuck, "See that beat and the workers run, and look into their logs."),
    Condition(
        "failed work",
        work_checks.failures,
        "Mend the cause that the page Jobs names, and try again there or with manage.py retry --failed.",
    ),
    Condition(
        "channels",
        work_checks.channels,
        "Mend what the mail server says (EMAIL_URL, the right to send); what is waiting is sent by itself then.",
    ),
    Condition(
        "outbox",
        work_checks.outbox,
        "See that the mail worker runs and the server of EMAIL_URL takes mails. Nothing is lost meanwhile.",
    ),
    Condition(
        "undelivered messages",
        work_checks.dead_letters,
        "Mend what the reason names, and try again on the page Jobs or with manage.py retry --failed.",
    ),
    Condition(
        "new data",
        work_checks.new_data,
        "See where data come from: WATCH_FOLDER, ACQUIRE_SOURCE and its credentials, or whoever sends files.",
    ),
)
