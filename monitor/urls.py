"""Addresses. Pages end with a slash; data say their format."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

import monitor.dash.product  # noqa: F401  (registers the Dash app)
from monitor.api.site import api
from monitor.views import (
    accounts,
    alerts,
    api_page,
    demo_mail,
    feeds,
    map,
    points,
    products,
    rasters,
    reviews,
    subscription_links,
    subscriptions,
    tiles,
    uploads,
)  # fmt: skip

urlpatterns = [
    path("", map.map_view, name="map"),
    path("about/", map.about, name="about"),
    path("alerts/", alerts.alert_list, name="alert-list"),
    path("alerts.atom", feeds.alerts_atom, name="alerts-atom"),
    path("alerts.geojson", feeds.alerts_geojson, name="alerts-geojson"),
    path("alerts/<str:code>/", alerts.alert_detail, name="alert-detail"),
    path("alerts/<str:code>/series.json", alerts.alert_series, name="alert-series"),
    path("products/", products.product_list, name="product-list"),
    path("products/<int:product>/", products.product_analysis, name="product-analysis"),
    path("api/v1/", api_page.api_page, name="api-page"),
    path("api/v1/", api.urls),
    path("api/points/<int:product>/<str:pid>/series/", points.series_json, name="point-series"),
    path("api/points/<int:product>/<str:pid>/series.csv", points.series_csv, name="point-series-csv"),
    path("tiles/points/<str:layer>/<int:z>/<int:x>/<int:y>.mvt", tiles.points, name="points-tile"),
    path("tiles/rasters/<str:layer>/<str:group>/<int:z>/<int:x>/<int:y>.png", rasters.tile, name="raster-tile"),
    path("rasters.json", rasters.catalogue, name="raster-catalogue"),
    path("rasters/<str:group>/arrows.geojson", rasters.arrows, name="raster-arrows"),
    path("rasters/<int:prediction>.tif", tiles.prediction_raster, name="prediction-raster"),
    path("alerts/<str:code>/subscribe/", subscriptions.subscribe_alert, name="subscribe-alert"),
    path("subscribe/", subscriptions.subscribe, name="subscribe"),
    path("subscribe/preview.json", subscriptions.subscribe_preview, name="subscribe-preview"),
    path("subscribe/sent/", subscriptions.subscribe_sent, name="subscribe-sent"),
    path("subscribe/confirm/<str:token>/", subscription_links.confirm, name="subscribe-confirm"),
    path("subscribe/stop/<str:token>/", subscription_links.stop, name="subscribe-stop"),
    path("subscriptions/", subscriptions.subscription_link, name="subscription-link"),
    path("subscriptions/<str:token>/", subscription_links.manage, name="subscription-manage"),
    path("subscriptions/<str:token>/export.json", subscription_links.export, name="subscription-export"),
    path("demo/mail/", demo_mail.mail_list, name="demo-mail-list"),
    path("demo/mail/<str:name>/", demo_mail.mail_page, name="demo-mail"),
    path("demo/mail/<str:name>/html/", demo_mail.mail_html, name="demo-mail-html"),
    path("login/", accounts.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", accounts.OwnPassword.as_view(), name="own-password"),
    path("review/", reviews.review_queue, name="review-queue"),
    path("review/<str:code>/", reviews.review_case, name="review-case"),
    path("review/<str:code>/undo/", reviews.review_undo, name="review-undo"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("uploads/jobs.json", uploads.uploads_jobs, name="upload-jobs"),
    path("uploads/<int:job>/again/", uploads.upload_again, name="upload-again"),
    path("admin/login/", accounts.admin_sign_in, name="admin-sign-in"),
    path("django_plotly_dash/", include("monitor.dash.urls")),
    path("admin/", admin.site.urls),
]
