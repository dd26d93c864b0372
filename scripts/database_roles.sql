-- The three roles of docs/decisions/0006, none of them a superuser, and PostGIS for every database made from now on.
-- Run as a superuser in template1, with OWNER_PASSWORD, APPLICATION_PASSWORD and READER_PASSWORD in the environment:
--   psql -v ON_ERROR_STOP=1 -d template1 -f scripts/database_roles.sql
-- Safe to repeat. Afterwards: createdb -O ground_motion_owner NAME.
\getenv owner_password OWNER_PASSWORD
\getenv application_password APPLICATION_PASSWORD
\getenv reader_password READER_PASSWORD

SET client_min_messages = warning;
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['ground_motion_owner', 'ground_motion_application', 'ground_motion_reader']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec

-- CREATEDB: the tests make databases of their own; pg_read_all_stats: what runs and what is copied, for the benchmarks;
-- pg_read_all_settings: where the files are, whose disk must not become full
ALTER ROLE ground_motion_owner LOGIN NOSUPERUSER CREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE ground_motion_application LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'application_password';
ALTER ROLE ground_motion_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'reader_password';
GRANT pg_read_all_stats TO ground_motion_owner;
GRANT pg_read_all_settings TO ground_motion_owner, ground_motion_application, ground_motion_reader;

CREATE EXTENSION IF NOT EXISTS postgis;
