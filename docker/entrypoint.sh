#!/usr/bin/env bash
# web | worker | mail-worker | beat | gpu-worker | health web|worker|mail-worker|beat, or any command.
set -euo pipefail

case ${1:-web} in
  web)
    ground-motion prepare
    exec gunicorn monitor.wsgi --config python:monitor.gunicorn --bind "0.0.0.0:${PORT:-8000}"
    ;;
  worker) exec celery --app monitor worker --queues ingest,cpu --concurrency "${WORKERS:-2}" --loglevel INFO ;;
  mail-worker) exec celery --app monitor worker --queues mail,housekeeping --concurrency 2 --loglevel INFO ;;
  gpu-worker) exec celery --app monitor worker --queues gpu --pool solo --loglevel INFO ;;
  beat) exec celery --app monitor beat --pidfile= --loglevel INFO ;;
  health) exec python -m monitor.health.process "${2:-web}" ;; # exit code 1 where this machine's process is dead
  *) exec "$@" ;;
esac
