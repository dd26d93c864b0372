"""manage.py migrate: Django's command, run as the tables' owner; afterwards every role gets exactly its rights."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from monitor.operations.database.rights import as_owner, rights_settle

OURS = {"ingest", "ml", "detection", "monitor"}


class WholeMigrationExecutor(MigrationExecutor):
    """Executor that commits a migration together with the row that says it was applied.

    Django may write that row after the commit; killed in between, it would apply the migration again and fail.
    """

    def apply_migration(self, state: Any, migration: Migration, *options: Any, **more: Any) -> Any:
        """Apply a migration and record it in one transaction, unless the migration is not atomic."""
        with self._whole(migration):
            return super().apply_migration(state, migration, *options, **more)

    def unapply_migration(self, state: Any, migration: Migration, *options: Any, **more: Any) -> Any:
        """Revert a migration and record it in one transaction, unless the migration is not atomic."""
        with self._whole(migration):
            return super().unapply_migration(state, migration, *options, **more)

    def _whole(self, migration: Migration) -> AbstractContextManager[None]:
        return transaction.atomic(using=self.connection.alias) if migration.atomic else nullcontext()


def refuse_older() -> None:
    """Raise CommandError if a migration of ours replaces several, and the database has some of these but not all."""
    loader = MigrationLoader(connection)
    for migration in loader.disk_migrations.values():
        missing = [name for name in migration.replaces if name not in loader.applied_migrations]
        if migration.app_label in OURS and 0 < len(missing) < len(migration.replaces):
            raise CommandError(
                f"this database is older than version 0.4.0 ({'.'.join(missing[0])} is missing). Install 0.4.0,"
                " run its manage.py prepare, then this version's"
            )


vars(migrate)["MigrationExecutor"] = WholeMigrationExecutor  # the command offers no other way to replace it


class Command(migrate.Command):
    """Django's migrate command, run as the owner of the tables."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then set the rights of all roles."""
        with as_owner():
            refuse_older()
            super().handle(*args, **options)
            executor = WholeMigrationExecutor(connection)
            if not executor.migration_plan(executor.loader.graph.leaf_nodes()):  # Rights refer to the newest tables.
                rights_settle()
