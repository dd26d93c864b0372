"""Conditions that hold in a healthy service, in the order in which they are examined; each check has its remedy."""

from functools import partial

from monitor.operations.health import site_checks as site
from monitor.operations.health import work_checks as work
from monitor.operations.health.condition import Condition
from monitor.operations.health.deployment import removed_settings
from monitor.operations.health.schedule import schedule
from monitor.schedule import QUEUES

START_WORKER = (
    "Start the worker of this queue (Procfile or docker/compose.yml say how), or look into its log; where it runs,"
    " compare the clocks of the machines: a scheduled task expires within seconds."
)
_SITE = (site.database, site.migrations, site.broker, site.web, site.requests, site.cache)
_ADDRESSES = (site.storage, site.base_map, site.geocoder)
_SETUP = (site.database_role, *_ADDRESSES, site.second_person, site.gdal, removed_settings)
_QUEUES = (Condition(f"queue {queue}", partial(work.queue, queue), START_WORKER) for queue in QUEUES)
_PROCESSES = (work.disk, work.workers, work.beat, schedule, *_QUEUES)
_MESSAGES = (work.channels, work.outbox, work.dead_letters, work.unclaimed)
_SOURCES = (work.archive, work.orders, work.processor_account, work.event_catalogues, work.new_data)
_WORK = (work.backup, work.publication, work.stuck, work.failures, *_MESSAGES, *_SOURCES)
CONDITIONS = (*_SITE, *_SETUP, *_PROCESSES, *_WORK)
