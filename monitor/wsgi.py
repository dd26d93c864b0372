import os

from django.core.wsgi import get_wsgi_application

from monitor.site.statement_limits import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
limit_statements()
application = get_wsgi_application()
