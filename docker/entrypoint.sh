#!/usr/bin/env bash
# prepare | web | worker | mail-worker | beat | gpu-worker | backup | health web|worker|mail-worker|beat, or any command.
set -euo pipefail

# nobody but `prepare` migrates: here or on another machine, before these or after
case ${1:-web} in web | worker | mail-worker | gpu-worker | beat | backup) ground-motion prepare --wait ;; esac

case ${1:-web} in
  prepare) exec ground-motion prepare ;; # as the owner of the tables, before the others begin
  web) exec gunicorn monitor.wsgi --config python:monitor.gunicorn --bind "0.0.0.0:${PORT:-8000}" ;;
  worker)
    find /tmp -mindepth 1 -delete # what a worker that was killed had unpacked
    exec celery --app monitor worker --queues ingest,cpu --concurrency "${WORKERS:-2}" --loglevel INFO
    ;;
  mail-worker) exec celery --app monitor worker --queues mail,housekeeping --concurrency 4 --loglevel INFO ;;
  gpu-worker) exec celery --app monitor worker --queues gpu --pool solo --loglevel INFO ;;
  beat) exec celery --app monitor beat --pidfile= --loglevel INFO ;;
  backup) exec ground-motion backup /backups --keep 7 --daily ;; # as the owner of the tables
  health) exec python -m monitor.operations.health.process "${2:-web}" ;; # exit code 1 where this machine's process is dead
  *) exec "$@" ;;
esac
