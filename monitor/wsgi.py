"""WSGI entry point."""

import tempfile

from django.core.wsgi import get_wsgi_application

from monitor.start.process import limit_statements, process_prepare
from monitor.web.deadlines import with_deadline

process_prepare()
tempfile.gettempdir()  # cached here: Python would choose another folder once this disk is full
limit_statements()
application = with_deadline(get_wsgi_application())
