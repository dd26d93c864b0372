from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class MonitorConfig(AppConfig):
    name = "monitor"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.account.signals import authentication_step_completed
        from allauth.mfa.signals import authenticator_added

        from monitor.accounts.second_factor import other_sessions_end
        from monitor.accounts.sessions import session_renew
        from monitor.site.roles import roles_ensure

        post_migrate.connect(roles_ensure, dispatch_uid="roles")
        authenticator_added.connect(other_sessions_end, dispatch_uid="other sessions")
        authentication_step_completed.connect(session_renew, dispatch_uid="session renew")


class GuardedAdminConfig(AdminConfig):
    default_site = "monitor.site.admin.AdminSite"
    default = False
