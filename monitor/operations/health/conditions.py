"""The one table of what holds in a healthy service, and what to do where it does not."""

from functools import partial

from monitor.operations.health import site_checks, work_checks
from monitor.operations.health.condition import Condition
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
    name="database",
    check=site_checks.database,
    remedy="Start PostgreSQL, or correct DATABASE_URL. What was running is taken up again by itself.",
    site_needs=True,
    needs_database=False,
)
CONDITIONS = (
    DATABASE,
    Condition(
        name="migrations",
        check=site_checks.migrations,
        remedy="Run manage.py prepare, then restart every process.",
        site_needs=True,
    ),
    Condition(
        name="broker",
        check=site_checks.broker,
        remedy="Start it, or correct BROKER_URL or REDIS_URL. Nothing is lost: waiting work is announced again after a"
        " minute.",
        site_needs=True,
        needs_database=False,
    ),
    Condition(
        name="web",
        check=site_checks.web,
        remedy="Start the web process, or look into its log; where it runs on another machine, set WEB.",
    ),
    Condition(
        name="requests",
        check=site_checks.requests,
        remedy="Look into the log of the web process for “longer than it may”: the lines below it say where it hung."
        " Another process has taken its place.",
    ),
    Condition(
        name="replica",
        check=site_checks.replica,
        remedy="Start it, or correct DATABASE_REPLICA_URL; until then the primary answers all readers.",
    ),
    Condition(
        name="cache",
        check=site_checks.cache,
        remedy="Start Redis, or correct REDIS_URL.",
        needs_database=False,
    ),
    Condition(
        name="database role",
        check=site_checks.database_role,
        remedy="Make three roles (scripts/database_roles.sql), and set DATABASE_URL, DATABASE_OWNER_URL and"
        " DATABASE_READER_URL.",
        alarms=False,
    ),
    Condition(
        name="raster storage",
        check=site_checks.storage,
        remedy="Make RASTER_DIR writable for the account that runs the service, or free its disk; where"
        " RASTER_STORAGE_URL is set, see whether the object store runs, takes writes and has the same time.",
        needs_database=False,
    ),
    Condition(
        name="base map",
        check=site_checks.base_map,
        remedy="Correct BASEMAP to a PMTiles file, or leave it empty: maps then show what is loaded.",
        needs_database=False,
        alarms=False,
    ),
    Condition(
        name="geocoder",
        check=site_checks.geocoder,
        remedy="Correct GEOCODER_URL and name its host in OUTBOUND_HOSTS, or leave it empty: what is loaded is found.",
        needs_database=False,
        alarms=False,
    ),
    Condition(
        name="second person",
        check=site_checks.second_person,
        remedy="Invite a publisher at /accounts/, or leave SECOND_PERSON_FROM empty.",
        alarms=False,
    ),
    Condition(
        name="push key",
        check=site_checks.push_key,
        remedy="Run manage.py prepare, which makes one, or set PUSH_PRIVATE_KEY; then restart every process.",
        needs_database=False,
        alarms=False,
    ),
    Condition(name="GDAL", check=site_checks.gdal, remedy="Install rasterio anew.", needs_database=False, alarms=False),
    Condition(
        name="disk",
        check=work_checks.disk,
        remedy="Free the disk (manage.py prune --dry-run says what may go) or make it larger.",
        needs_database=False,
    ),
    Condition(
        name="workers",
        check=work_checks.workers,
        remedy="Start a worker for these queues (Procfile or docker/compose.yml say how).",
        needs_database=False,
        alarms=False,
    ),
    Condition(
        name="beat",
        check=work_checks.beat,
        remedy="Start beat, or look into its log. Until then nothing is fetched, loaded, searched or sent.",
    ),
    *(
        Condition(name=f"queue {queue}", check=partial(work_checks.queue, queue), remedy=START_WORKER)
        for queue in QUEUES
    ),
    Condition(name="backup", check=work_checks.backup, remedy=BACK_UP),
    Condition(
        name="stuck work",
        check=work_checks.stuck,
        remedy="See that beat and the workers run, and look into their logs.",
    ),
    Condition(
        name="failed work",
        check=work_checks.failures,
        remedy="Mend the cause that the page Jobs names, and try again there or with manage.py retry --failed.",
    ),
    Condition(
        name="channels",
        check=work_checks.channels,
        remedy="Mend what the mail server says (EMAIL_URL, the right to send); what is waiting is sent by itself then.",
    ),
    Condition(
        name="outbox",
        check=work_checks.outbox,
        remedy="See that the mail worker runs and the server of EMAIL_URL takes mails. Nothing is lost meanwhile.",
    ),
    Condition(
        name="undelivered messages",
        check=work_checks.dead_letters,
        remedy="Mend what the reason names, and try again on the page Jobs or with manage.py retry --failed.",
    ),
    Condition(
        name="new data",
        check=work_checks.new_data,
        remedy="See where data come from: WATCH_FOLDER, ACQUIRE_SOURCE and its credentials, or whoever sends files.",
    ),
)
