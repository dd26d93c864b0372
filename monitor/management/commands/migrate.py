"""manage.py migrate: Django's, as the owner of the tables; then every role has its rights and no others."""

from django.core.management.commands import migrate
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from monitor.operations.database.rights import rights_settle
from monitor.operations.database.roles import as_owner


class WholeMigrationExecutor(MigrationExecutor):
    """Commits a migration together with the row that says it was applied.

    Django writes that row after the commit where indexes or foreign keys come last. Killed in between, the migration
    would be there and be applied again, and fail for ever.
    """

    def apply_migration(self, state, migration, fake=False, fake_initial=False):
        if not migration.atomic:
            return super().apply_migration(state, migration, fake, fake_initial)
        with transaction.atomic(using=self.connection.alias):
            return super().apply_migration(state, migration, fake, fake_initial)

    def unapply_migration(self, state, migration, fake=False):
        if not migration.atomic:
            return super().unapply_migration(state, migration, fake)
        with transaction.atomic(using=self.connection.alias):
            return super().unapply_migration(state, migration, fake)


migrate.MigrationExecutor = WholeMigrationExecutor  # the command takes it from no other place


class Command(migrate.Command):
    def handle(self, *args, **options) -> None:
        with as_owner():
            super().handle(*args, **options)
            executor = WholeMigrationExecutor(connection)
            if not executor.migration_plan(executor.loader.graph.leaf_nodes()):  # rights are to today's tables
                rights_settle()
