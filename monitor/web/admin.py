"""Django's admin lets in who may administrate here, and no earlier."""

from django.contrib import admin
from django.http import HttpRequest

from monitor.web.guards import may_administrate


class AdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        return may_administrate(request.user)
