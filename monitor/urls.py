"""URL routes. Addresses of pages end with a slash, those of data with the name of their format."""

from allauth.account.views import reauthenticate
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from monitor.maps.basemap import views as basemap
from monitor.maps.charts import views as charts
from monitor.maps.map import views as map
from monitor.maps.rasters import views as rasters
from monitor.open_data.api import views as api_page
from monitor.open_data.api.views import api
from monitor.open_data.cap import views as cap
from monitor.open_data.feeds import alerts as feeds
from monitor.open_data.feeds import looks
from monitor.open_data.standards import map_services, tilejson
from monitor.open_data.standards import views as standards
from monitor.operations.health import views as health
from monitor.operations.jobs import views as jobs
from monitor.pages.alerts import views as alerts
from monitor.pages.bulletins import views as bulletins
from monitor.pages.desk import views as desk
from monitor.pages.events import views as events
from monitor.pages.glaciers import views as glaciers
from monitor.pages.here import views as here
from monitor.pages.products import life as product_life
from monitor.pages.products import views as products
from monitor.pages.record import views as record
from monitor.pages.regions import views as region_contacts
from monitor.pages.regions import views as regions
from monitor.pages.reviews import decisions, edits
from monitor.pages.reviews import views as reviews
from monitor.pages.stations import views as stations
from monitor.pages.uploads import views as uploads
from monitor.self_service import channels, extracts, lines, organisations, reports
from monitor.self_service.accounts import views as account_pages
from monitor.self_service.subscriptions import links as subscription_links
from monitor.self_service.subscriptions import views as subscriptions
from monitor.subscribers.accounts import sessions, single_sign_on
from monitor.web import accounts, languages
from monitor.web.identity import pages as identity
from monitor.web.request_limits import API, CHARTS, OGC, RASTERS, SEARCH, SIGN_IN, STAC, costly_below

handler500 = "monitor.web.middleware.answer_fault"
of_organisation = [
    path("", organisations.organisation_page, name="organisation"),
    path("add/", organisations.place_add, name="organisation-add"),
    path("<int:subscription>/", organisations.place_change, name="organisation-place"),
    path("ways/", organisations.organisation_ways, name="organisation-ways"),
    path("contacts/", organisations.organisation_contacts, name="organisation-contacts"),
    path("alerts/", organisations.organisation_alerts, name="organisation-alerts"),
    path("lines/", lines.line_list, name="organisation-lines"),
    path("lines/<int:line>/", lines.line_page, name="organisation-line"),
    path("lines/<int:line>/profile.geojson", lines.line_sections, name="organisation-line-sections"),
    path("lines/<int:line>/<slug:name>.csv", lines.line_file, name="organisation-line-file"),
    path("export.json", organisations.organisation_export, name="organisation-export"),
]
of_workbench = [  # Dash requests the addresses that begin with _dash.
    path("", desk.desk, name="workbench"),
    path("<int:product>/", desk.of_product, name="workbench-product"),
    path("_dash-layout", desk.of_dash, {"part": "_dash-layout"}, name="workbench-layout"),
    path("_dash-dependencies", desk.of_dash, {"part": "_dash-dependencies"}, name="workbench-dependencies"),
    path("_dash-update-component", desk.update, name="workbench-update"),
]
urlpatterns = [
    path("", map.map_view, name="map"),
    path("about/", map.about, name="about"),
    path("reading/", map.reading, name="reading"),
    path("logo", identity.logo, name="site-logo"),
    path("manifest.webmanifest", identity.manifest, name="site-manifest"),
    *(path(f"{name}/", identity.site_page, {"name": name}, name=name) for name in identity.TITLES),
    path("alerts/", alerts.alert_list, name="alert-list"),
    path("alerts.atom", feeds.alerts_atom, name="alerts-atom"),
    path("alerts.geojson", feeds.alerts_geojson, name="alerts-geojson"),
    path("alerts/<str:code>/", alerts.alert_detail, name="alert-detail"),
    path("alerts/<str:code>/detections/<int:detection>/<str:name>.png", alerts.alert_picture, name="alert-picture"),
    path("alerts/<str:code>/card.svg", alerts.alert_card, name="alert-card"),
    path("alerts/<str:code>/evidence-<slug:seal>.zip", alerts.alert_evidence, name="alert-evidence"),
    path("alerts/<str:code>/looks.ics", looks.alert_looks, name="alert-looks"),
    path("alerts/<str:code>/report/", alerts.report, name="alert-report"),
    path("alerts/<str:code>/series.json", alerts.alert_series, name="alert-series"),
    path("bulletins/", bulletins.bulletin_list, name="bulletin-list"),
    path("bulletins.atom", feeds.bulletins_atom, name="bulletins-atom"),
    path("bulletins/<int:bulletin>/", bulletins.bulletin_detail, name="bulletin-detail"),
    path("bulletins/<int:bulletin>/report/", bulletins.bulletin_report, name="bulletin-report"),
    path("bulletins/<int:bulletin>/edit/", bulletins.bulletin_edit, name="bulletin-edit"),
    path("cap.atom", cap.cap_atom, name="cap-atom"),
    path("cap/<str:name>.xml", cap.message, name="cap-message"),
    path("events/", events.event_list, name="event-list"),
    path("events/<int:event>/", events.event_detail, name="event-detail"),
    path("extract/", extracts.extract, name="extract"),
    path("extract/preview.json", extracts.extract_preview, name="extract-preview"),
    path("extracts/<path:token>", extracts.extract_gone, name="extract-gone"),
    path("glaciers/", glaciers.glacier_list, name="glacier-list"),
    path("glaciers/<str:glacier>/", glaciers.glacier_detail, name="glacier-detail"),
    path("glaciers/<str:glacier>/series.csv", glaciers.glacier_csv, name="glacier-csv"),
    path("here/", here.here_page, name="here"),
    path("here/report/", here.here_report, name="here-report"),
    costly_below(path("places/", map.place_list, name="place-list"), SEARCH),
    costly_below(path("places.json", map.places_json, name="places-json"), SEARCH),
    path("products/", products.product_list, name="product-list"),
    path("products/<int:product>/", products.product_detail, name="product-detail"),
    path("products/<int:product>/take-back/", product_life.product_take_back, name="product-take-back"),
    path("products/<int:product>/undo/", product_life.product_undo, name="product-undo"),
    path("products/<int:product>/refused.csv", products.refused_rows, name="product-refused"),
    path("products/<int:product>/stations/", stations.product_stations, name="product-stations"),
    path("products/<int:product>/change.tif", products.release_change, name="product-change"),
    path("stations/<int:station>/", stations.station_detail, name="station-detail"),
    path("api/v1/", api_page.api_page, name="api-page"),
    costly_below(path("api/v1/", api.urls), API),
    costly_below(path("api/points/<int:product>/<str:pid>/series/", map.series_json, name="point-series"), API),
    costly_below(path("api/points/<int:product>/<str:pid>/series.csv", map.series_csv, name="point-series-csv"), API),
    path("ogc/wms", map_services.wms, name="wms"),
    path("ogc/wmts", map_services.wmts, name="wmts"),
    costly_below(path("ogc/", include(standards.routes("ogc"))), OGC),
    costly_below(path("stac/", include(standards.routes("stac"))), STAC),
    path("tilejson/", tilejson.index, name="tilejson-index"),
    path("tilejson/<str:source>/<str:layer>.json", tilejson.vector, name="tilejson-vector"),
    path("tilejson/rasters/<str:layer>/<str:group>.json", tilejson.raster, name="tilejson-raster"),
    costly_below(path("charts/series.<str:form>", charts.series, name="chart-series"), CHARTS),
    costly_below(path("charts/profile.<str:form>", charts.profile, name="chart-profile"), CHARTS),
    costly_below(path("charts/near.json", charts.near, name="chart-near"), CHARTS),
    costly_below(path("charts/frames.json", charts.frames, name="chart-frames"), CHARTS),
    path("record/", record.record, name="record"),
    path("record/alerts.csv", record.record_csv, name="record-csv"),
    path("tiles/points/<str:layer>/<int:z>/<int:x>/<int:y>.mvt", map.points, name="points-tile"),
    path("tiles/periods/<str:layer>/<int:z>/<int:x>/<int:y>.mvt", charts.tile, name="period-tile"),
    path("tiles/context/<str:kind>/<int:z>/<int:x>/<int:y>.mvt", map.context, name="context-tile"),
    path("tiles/rasters/<str:layer>/<str:group>/<int:z>/<int:x>/<int:y>.png", rasters.tile, name="raster-tile"),
    path("tiles/ground/<int:z>/<int:x>/<int:y>.mvt", basemap.ground, name="ground-tile"),
    path("tiles/world/<int:z>/<int:x>/<int:y>.mvt", basemap.world, name="world-tile"),
    path("tiles/heights/<int:z>/<int:x>/<int:y>.png", basemap.heights, name="heights-tile"),
    path("basemap.json", basemap.description, name="basemap"),
    path("basemap.pmtiles", basemap.archive, name="basemap-archive"),
    path("rasters.json", rasters.catalogue, name="raster-catalogue"),
    costly_below(path("rasters/<str:group>/arrows.geojson", rasters.arrows, name="raster-arrows"), RASTERS),
    path("regions/", regions.region_list, name="region-list"),
    path("regions/<str:slug>/", regions.region_detail, name="region-detail"),
    path("regions/<str:slug>/contact/", region_contacts.region_contact, name="region-contact"),
    path("regions/<str:slug>/looks.ics", looks.region_looks, name="region-looks"),
    path("regions/<str:slug>/report/", regions.region_report, name="region-report"),
    path("embed/regions/<str:slug>/", regions.region_embed, name="region-embed"),
    costly_below(path("rasters/<int:prediction>.tif", rasters.prediction_raster, name="prediction-raster"), RASTERS),
    path("alerts/<str:code>/subscribe/", subscriptions.subscribe_alert, name="subscribe-alert"),
    path("subscribe/", subscriptions.subscribe, name="subscribe"),
    path("subscribe/preview.json", subscriptions.subscribe_preview, name="subscribe-preview"),
    path("reports/", reports.resident_report, name="resident-report"),
    path("reports/<str:token>/", reports.report_link, name="report-link"),
    path("subscribe/sent/", subscriptions.subscribe_sent, name="subscribe-sent"),
    path("subscribe/confirm/<str:token>/", subscription_links.confirm, name="subscribe-confirm"),
    path("subscribe/stop/<str:token>/", subscription_links.stop, name="subscribe-stop"),
    path("subscriptions/", subscriptions.subscription_link, name="subscription-link"),
    path("subscriptions/<str:token>/", subscription_links.manage, name="subscription-manage"),
    path("subscriptions/<str:token>/news/", subscription_links.news, name="subscription-news"),
    path("subscriptions/<str:token>/<int:subscription>/where/", subscription_links.move, name="subscription-where"),
    path("feeds/<str:token>/<str:name>", looks.feed_gone, name="feed-gone"),
    path("subscriptions/<str:token>/export.json", subscription_links.export, name="subscription-export"),
    path("subscriptions/<str:token>/ways/", channels.ways, name="subscription-ways"),
    path("service-worker.js", channels.service_worker, name="service-worker"),
    path("subscriptions/<str:token>/organisations/", organisations.organisation_list, name="organisation-list"),
    path("subscriptions/<str:token>/organisations/<int:organisation>/", include(of_organisation)),
    path("subscribe/join/<str:token>/", organisations.join, name="organisation-join"),
    path("subscribe/take/<str:token>/", organisations.take, name="alert-take"),
    path("demo/mail/", channels.mail_list, name="demo-mail-list"),
    path("demo/mail/<str:name>/", channels.mail_page, name="demo-mail"),
    path("demo/mail/<str:name>/html/", channels.mail_html, name="demo-mail-html"),
    path("language/", languages.choose_language, name="language"),
    path("words/<str:language>/<str:version>.js", languages.words, name="words"),
    costly_below(path("login/", accounts.SignIn.as_view(), name="login"), posted=SIGN_IN),
    costly_below(
        path("login/", accounts.SignIn.as_view(), name="account_login"), posted=SIGN_IN
    ),  # allauth uses this name.
    path("logout/", sessions.SignOut.as_view(), name="logout"),
    costly_below(path("password/", account_pages.OwnPassword.as_view(), name="own-password"), posted=SIGN_IN),
    path("password/forgotten/", account_pages.password_forgotten, name="password-forgotten"),
    costly_below(
        path("password/new/<uidb64>.<token>/", account_pages.NewPassword.as_view(), name="password-new"), posted=SIGN_IN
    ),
    costly_below(path("password/again/", reauthenticate, name="account_reauthenticate"), posted=SIGN_IN),
    path("sign-on/<str:provider_id>/login/", single_sign_on.sign_on, name="openid_connect_login"),
    costly_below(
        path("sign-on/<str:provider_id>/login/callback/", openid_connect.callback, name="openid_connect_callback"),
        SIGN_IN,
    ),
    costly_below(
        path("sign-on/cancelled/", RedirectView.as_view(pattern_name="login"), name="socialaccount_login_cancelled"),
        SIGN_IN,
    ),
    costly_below(path("second-factor/", include("allauth.mfa.urls")), posted=SIGN_IN),
    path("sessions/", sessions.session_list, name="session-list"),
    path("sessions/rights/", sessions.session_rights, name="session-rights"),
    path("accounts/", account_pages.account_list, name="accounts"),
    path("accounts/<int:account>/", account_pages.account_change, name="account-change"),
    path("accounts/invitations/<int:invitation>/", account_pages.invitation_withdraw, name="invitation-withdraw"),
    path("accounts/join/", account_pages.invitation_accept, name="invitation-accept"),
    path("accounts/join/<str:token>/", account_pages.invitation_open, name="invitation-open"),
    path("review/", reviews.review_queue, name="review-queue"),
    path("review/quality/", reviews.review_quality, name="review-quality"),
    path("review/taken/", decisions.review_taken, name="review-taken"),
    path("review/texts/", decisions.review_texts, name="review-texts"),
    path("review/reports/", decisions.review_reports, name="review-reports"),
    path("review/<str:code>/", reviews.review_case, name="review-case"),
    path("review/<str:code>/edit/", edits.review_edit, name="review-edit"),
    path("review/<str:code>/edit/undo/", edits.review_edit_undo, name="review-edit-undo"),
    path("review/<str:code>/notes/", edits.review_note, name="review-note"),
    path("review/<str:code>/files/<int:file>/", edits.review_file, name="review-file"),
    path("review/<str:code>/undo/", reviews.review_undo, name="review-undo"),
    path("review/<str:code>/claim/", reviews.review_claim, name="review-claim"),
    path("review/<str:code>/publish/", reviews.review_publish, name="review-publish"),
    path("review/<str:code>/withdraw/", reviews.review_withdraw, name="review-withdraw"),
    path("review/<str:code>/visit/", reviews.review_visit, name="review-visit"),
    path("jobs/", jobs.job_list, name="job-list"),
    path("jobs/orders/", jobs.order_list, name="order-list"),
    path("jobs/orders/add/", jobs.order_edit, name="order-add"),
    path("jobs/orders/<int:order>/", jobs.order_edit, name="order-edit"),
    path("jobs/<str:kind>/<int:pk>/retry/", jobs.job_change, {"verb": "retry"}, name="job-retry"),
    path("jobs/<str:kind>/<int:pk>/cancel/", jobs.job_change, {"verb": "cancel"}, name="job-cancel"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("uploads/jobs.json", uploads.uploads_jobs, name="upload-jobs"),
    path("uploads/<int:job>/again/", uploads.upload_again, name="upload-again"),
    path("uploads/<int:job>/withdraw/", uploads.upload_withdraw, name="upload-withdraw"),
    path(".well-known/security.txt", identity.security_txt, name="security-txt"),
    path("robots.txt", identity.robots_txt, name="robots-txt"),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", health.metrics, name="metrics"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/login/", accounts.admin_sign_in, name="admin-sign-in"),
    path("workbench/", include(of_workbench)),
    path("admin/password_change/", RedirectView.as_view(pattern_name="own-password"), name="admin-password"),
    path("admin/", admin.site.urls),
]
