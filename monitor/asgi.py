"""ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

from monitor.web.request_limits import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
limit_statements()
application = get_asgi_application()
