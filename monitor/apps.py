from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MonitorConfig(AppConfig):
    name = "monitor"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from monitor.site.roles import roles_ensure

        post_migrate.connect(roles_ensure, dispatch_uid="roles")
