"""Addresses of the workbench, and of the resources that Dash requests."""

from django.urls import path

from monitor.pages.desk import views

urlpatterns = [
    path("", views.desk, name="workbench"),
    path("<int:product>/", views.of_product, name="workbench-product"),
    path("_dash-layout", views.of_dash, {"part": "_dash-layout"}, name="workbench-layout"),
    path("_dash-dependencies", views.of_dash, {"part": "_dash-dependencies"}, name="workbench-dependencies"),
    path("_dash-update-component", views.update, name="workbench-update"),
]
