#!/usr/bin/env bash
# For a new database container: the three roles, and the database that belongs to their owner.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname template1 --file "${ROLES_SQL:-/roles.sql}"
createdb --username "$POSTGRES_USER" --owner ground_motion_owner ground_motion
