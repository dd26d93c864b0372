"""manage.py doctor: is everything there that the service needs?"""

import sys

import redis
from django.conf import settings
from django.contrib.gis.gdal import gdal_version
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from ingest.context.selectors import layer_states
from ml.models import Run
from monitor.celery import app


class Command(BaseCommand):
    help = "Check database, broker, rasters and workers; exit code 1 where something is missing."

    def handle(self, *args, **options) -> None:
        checks = {
            "database": self._database,
            "migrations": self._migrations,
            "broker": self._broker,
            "workers": self._workers,
            "raster storage": self._storage,
            "GDAL": lambda: gdal_version().decode(),
            "jobs": self._jobs,
        }
        healthy = True
        for name, check in checks.items():
            try:
                self.stdout.write(f"ok       {name}: {check()}")
            except Exception as fault:  # whatever is wrong is what we are here to tell
                healthy = False
                self.stdout.write(f"MISSING  {name}: {str(fault).splitlines()[0]}")
        self._context()
        if not healthy:
            sys.exit(1)

    def _database(self) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT split_part(version(), ' ', 2), postgis_lib_version()")
            return "PostgreSQL {}, PostGIS {}".format(*cursor.fetchone())

    def _migrations(self) -> str:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            raise RuntimeError(f"{len(waiting)} are not applied; run manage.py prepare")
        return "all applied"

    def _broker(self) -> str:
        return f"Redis {redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3).info('server')['redis_version']}"

    def _workers(self) -> str:
        answers = app.control.ping(timeout=2)
        if not answers:
            raise RuntimeError("none answers; start one (see Procfile)")
        return ", ".join(name for answer in answers for name in answer)

    def _storage(self) -> str:
        storage = storages["rasters"]
        storage.delete(storage.save("doctor.txt", ContentFile(b"")))
        return "writable"

    def _context(self) -> None:
        """Nothing of it is needed, so what is missing is no fault."""
        try:
            states = layer_states()
        except DatabaseError:  # reported above
            return
        for known, mark in ((True, "ok     "), (False, "without")):
            kinds = [state.kind.value for state in states if bool(state.layers) == known]
            if kinds:
                self.stdout.write(
                    f"{mark}  context: {', '.join(kinds)}{'' if known else ' (manage.py loadcontext --list)'}"
                )

    def _jobs(self) -> str:
        failed = Run.objects.filter(state=Run.State.FAILED).count()
        if failed:
            raise RuntimeError(f"{failed} runs have failed; see the admin")
        return "none has failed"
