"""Django configuration of the application and of its admin."""

import gc
import logging.config
from typing import Any

from celery.signals import setup_logging
from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.core.checks import register
from django.db.models.signals import post_delete, post_migrate, post_save


def log_as_the_site(**kwargs: object) -> None:
    """Configure logging in workers and beat by settings.LOGGING; Celery's own handlers do not hide signed links."""
    logging.config.dictConfig(settings.LOGGING)


def public_change(**about: Any) -> None:
    """Publish at once what a person has corrected, rejected, withdrawn or deleted."""
    if settings.PUBLISH_TO:
        from monitor.open_data.publish.services import follow_change

        follow_change(**about)


class MonitorConfig(AppConfig):
    """Configuration of the Django application `monitor`."""

    name = "monitor"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers of signals, and exempt all objects that exist by now from garbage collection."""
        from allauth.account.signals import authentication_step_completed
        from allauth.mfa.signals import authenticator_added
        from django.contrib.auth.signals import user_logged_in

        from detection.models import Alert, AlertTransition
        from ingest.models.products import restored, withdrawn
        from monitor.subscribers.accounts.sessions import language_note, other_sessions_end, session_renew
        from monitor.web.guards import roles_ensure
        from monitor.web.identity.pages import check_colours

        register(check_colours)
        user_logged_in.connect(language_note, dispatch_uid="language")
        setup_logging.connect(log_as_the_site, dispatch_uid="logging")
        post_migrate.connect(roles_ensure, dispatch_uid="roles")
        authenticator_added.connect(other_sessions_end, dispatch_uid="other sessions")
        authentication_step_completed.connect(session_renew, dispatch_uid="session renew")
        for signal, sender in ((withdrawn, None), (restored, None), (post_save, AlertTransition), (post_delete, Alert)):
            signal.connect(public_change, sender, dispatch_uid="publishing")
        gc.freeze()  # The collector need not examine what was imported.
        gc.enable()


class GuardedAdminConfig(AdminConfig):
    """Django's admin behind the sign-in of the site."""

    default_site = "monitor.web.accounts.AdminSite"
    default = False
