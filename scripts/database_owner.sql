-- Give everything in a database that a superuser filled to ground_motion_owner.
-- Run as a superuser in that database, after database_roles.sql; safe to repeat, and whole or not at all.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgis;
SELECT format('ALTER DATABASE %I OWNER TO ground_motion_owner', current_database()) \gexec
SELECT format('ALTER TABLE %s OWNER TO ground_motion_owner', oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
ORDER BY oid \gexec
SELECT format('ALTER ROUTINE %s OWNER TO ground_motion_owner', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') \gexec
COMMIT;
