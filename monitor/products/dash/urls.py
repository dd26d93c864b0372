"""The addresses that Dash asks for, below the frame of a product's workbench."""

from django.urls import path

from monitor.products.dash import views

urlpatterns = [
    path("<int:product>/", views.frame, name="workbench"),
    path("<int:product>/_dash-layout", views.layout, name="workbench-layout"),
    path("<int:product>/_dash-dependencies", views.dependencies, name="workbench-dependencies"),
    path("<int:product>/_dash-update-component", views.update, name="workbench-update"),
    path("<int:product>/_dash-component-suites/<path:resource>", views.component, name="workbench-component"),
]
