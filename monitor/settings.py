"""Settings, as a flat list. Variables of the environment set what people may change (monitor/start/variables.csv)."""

import os
from datetime import timedelta
from email.utils import formataddr
from pathlib import Path

import rasterio  # It must come before GeoDjango, because it brings the one GDAL of this process.
from csp.constants import NONCE, NONE, SELF

from ground_motion.core import plugins
from ground_motion.methods.coherence import window_of
from ingest.foundation import folders
from monitor import broker
from monitor.schedule import BEAT_SCHEDULE, TASK_ROUTES
from monitor.start import process, variables
from monitor.start.process import kept_text, wheel_library
from monitor.storages import storages_of
from monitor.web.identity import site_file

BASE_DIR, SITE_DIR = folders.BASE_DIR, folders.SITE_DIR
VAR_DIR = variables.state_folder()

# Tests and benchmarks change these limits in the processes that they start.
OF_TESTS = (
    "ALARM_AFTER_MINUTES",
    "DISK_SPARE_PERCENT",
    "EMAIL_TIMEOUT",
    "REQUEST_SECONDS",
    "RUN_BEAT_SECONDS",
    "RUN_STALL_MINUTES",
    "WEB_STATEMENT_TIMEOUT_SECONDS",
)
TEST_SETTINGS = variables.json_object("TEST_SETTINGS", OF_TESTS)

# The site and its names.
SECRET_KEY = variables.text("SECRET_KEY", "") or kept_text(VAR_DIR / "secret_key")
DEBUG = variables.switch("DEBUG")
ALLOWED_HOSTS = variables.texts("ALLOWED_HOSTS")
PUBLIC_URL = variables.text("PUBLIC_URL").rstrip("/")
BEHIND_HTTPS = variables.switch("BEHIND_HTTPS")
SITE = site_file.site_of(variables.text("GROUND_MOTION_SITE"))
PROXIES = variables.whole_number("PROXIES")

GDAL_LIBRARY_PATH = wheel_library(rasterio, "libgdal-")
GEOS_LIBRARY_PATH = wheel_library(rasterio, "libgeos_c-")

# Three roles, docs/decisions/0006. Migrations are the owner's, the process that reads a file is the reader; all else is
# the application. Where only DATABASE_URL is set, its role is all three.
# PgBouncer in transaction mode: nothing of a session outlives a transaction (docs/decisions/0012)
DATABASE_POOLER = variables.text("DATABASE_POOLER")
DATABASES = {
    "default": process.database(variables.server("DATABASE_URL"))
    | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "DISABLE_SERVER_SIDE_CURSORS": bool(DATABASE_POOLER)}
}
DATABASE_OWNER = process.database(variables.text("DATABASE_OWNER_URL", "") or variables.server("DATABASE_URL"))
DATABASE_READER_URL = variables.text("DATABASE_READER_URL", "") or variables.server("DATABASE_URL")
DATABASE_ROLES = {
    "owner": DATABASE_OWNER["USER"],
    "application": DATABASES["default"]["USER"],
    "reader": process.database(DATABASE_READER_URL)["USER"],
}


INSTALLED_APPS = [
    "monitor.apps.GuardedAdminConfig",  # This replaces django.contrib.admin by one that only administrators may open.
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.postgres",
    "django_celery_beat",
    "django.forms",  # FORM_RENDERER needs these templates of widgets.
    "csp",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "ingest.apps.IngestConfig",
    "ml.apps.MlConfig",
    "detection.apps.DetectionConfig",
    "monitor.apps.MonitorConfig",
    "monitor.operations.apps.OperationsConfig",  # The app holds the service's management commands.
    *(["lab"] if (SITE_DIR / "lab").is_dir() else []),  # Commands of `lab` exist only in a checkout.
]

MIDDLEWARE = [
    "monitor.web.middleware.permissions_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "monitor.web.middleware.LimitRequests",
    "monitor.web.middleware.CleanTypedText",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "monitor.web.languages.follow_language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "monitor.subscribers.accounts.sessions.limit_sessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "monitor.web.middleware.public_data",
    "monitor.web.middleware.known_methods",
    "monitor.web.middleware.AnswerBusy",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "monitor.urls"
WSGI_APPLICATION = "monitor.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SITE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["monitor.web.tags"],
            "libraries": {"languages": "monitor.web.tags", "words": "monitor.web.tags"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "monitor.web.context.site",
            ],
        },
    }
]
FORM_RENDERER = "monitor.web.context.FieldRenderer"

# Limits of the web processes.
# Most statements of a page take milliseconds; 0: no limit.
WEB_STATEMENT_TIMEOUT_SECONDS = TEST_SETTINGS.get("WEB_STATEMENT_TIMEOUT_SECONDS", 10.0)
REQUEST_SECONDS = TEST_SETTINGS.get("REQUEST_SECONDS", 60.0)  # A web process that computes longer ends.
PLACES_DIR = VAR_DIR / "places"  # Locks here limit the web processes of one machine.
WEB = variables.text("WEB", f"127.0.0.1:{variables.whole_number('PORT')}")

# The cache, and the queues of tasks.
REDIS_URL = variables.server("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "monitor.web.fail_open_cache.FailOpenRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "serializer": "monitor.web.fail_open_cache.JsonSerializer",
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
        },
    }
}
CELERY_BROKER_URL = broker.broker_url()
CELERY_TASK_IGNORE_RESULT = True  # The table of jobs is authoritative; the broker only wakes workers.
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "ingest"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ROUTES = TASK_ROUTES
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_BEAT_SCHEDULER = "monitor.beat:GuardedScheduler"
CELERY_TASK_TIME_LIMIT = 12 * 3600  # Twice what a run may take; then the worker kills a task that ignores its lease.
CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(
    CELERY_BROKER_URL, longest_task_seconds=CELERY_TASK_TIME_LIMIT
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CONSUMER = "monitor.worker:SteadyConsumer"
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # RabbitMQ: consumer_timeout ends the channel, not the worker (monitor.broker)

# Passwords, sessions and the sign-in.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGOUT_REDIRECT_URL = "map"
PASSWORD_RESET_TIMEOUT = 2 * 3600
SESSION_COOKIE_AGE = 12 * 3600  # The length of a working day
SESSION_IDLE_MINUTES = 120  # A session ends after this time without a request.
CSRF_COOKIE_HTTPONLY = True
AXES_HANDLER = "monitor.web.accounts.SignInThrottle"
AXES_FAILURE_LIMIT = 1  # The class of AXES_HANDLER sets the limits itself.
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS = ["old_password", "new_password1", "new_password2", "code"]  # Passwords are never kept.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "monitor.web.accounts.locked_out"
AXES_CLIENT_IP_CALLABLE = "monitor.web.accounts.client_address"
AXES_DISABLE_ACCESS_LOG = True  # Sign-ins are not recorded, for privacy.
AXES_VERBOSE = False  # Verbose axes logs each start of a process.
AXES_CLIENT_STR_CALLABLE = "monitor.web.accounts.client_in_log"

# The second factor of operators, administrators and superusers; a demo's accounts are made up. Nobody signs up.
DEMO = variables.switch("GROUND_MOTION_DEMO")
DEMO_ACCOUNTS_FILE = VAR_DIR / "demo-accounts.json"
MFA_REQUIRED = variables.switch("MFA_REQUIRED", not DEMO)
MFA_ADAPTER = "monitor.subscribers.accounts.second_factor.FactorAdapter"
MFA_FORMS = {
    "authenticate": "monitor.subscribers.accounts.second_factor.CodeForm",
    "reauthenticate": "monitor.subscribers.accounts.second_factor.CodeAgainForm",
    "add_webauthn": "monitor.subscribers.accounts.second_factor.NewKeyForm",
    "authenticate_webauthn": "monitor.subscribers.accounts.second_factor.KeyForm",
    "reauthenticate_webauthn": "monitor.subscribers.accounts.second_factor.KeyAgainForm",
}
MFA_TOTP_ISSUER = SITE.name
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # Accounts are made by invitation, which confirms the address.
ACCOUNT_ADAPTER = "monitor.subscribers.accounts.second_factor.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {"login_failed": "5/15m/key"}  # Wrong codes for one account, from any address
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60  # Changes of an account ask for the password again after this time.
SOCIALACCOUNT_ADAPTER = "monitor.subscribers.accounts.single_sign_on.SignOnAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # Sign-on is a link, because form-action forbids forms to other hosts.
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
_sign_on = [SITE.openid.app()] if SITE.openid else []
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": _sign_on}}

# Languages.
LANGUAGE_CODE = SITE.languages[0]
LANGUAGES = [(code, site_file.LANGUAGES[code]) for code in SITE.languages]
LOCALE_PATHS = [SITE_DIR / "locale"]
FORMAT_MODULE_PATH = "monitor.formats"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"

# Files that are served, and where rasters lie.
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [SITE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "monitor.storages.DashFiles",
    "monitor.storages.JoinedSheets",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "monitor.storages.StaticFiles"},
    **storages_of(VAR_DIR),
}

WHITENOISE_IMMUTABLE_FILE_TEST = "^/static/css/joined/"  # Names of these files contain a hash of the content.

# What is public as files that need no server: where they are written, and where readers find them.
PUBLISH_TO = variables.text("PUBLISH_TO")
PUBLISHED_URL = variables.text("PUBLISHED_URL")

_basemap = variables.text("BASEMAP")
BASEMAP_ARCHIVE = _basemap if _basemap.endswith(".pmtiles") and "://" not in _basemap else ""
BASEMAP_STYLE_URL = "" if BASEMAP_ARCHIVE else _basemap

# HTTPS, and limits of what browsers may do with the pages.
X_FRAME_OPTIONS = "SAMEORIGIN"  # The analysis page frames its own Dash app, so that DENY would be too strict.
# W005, W021: only the owner of the domain knows whether all its subdomains will always use HTTPS (HSTS_SUBDOMAINS)
SILENCED_SYSTEM_CHECKS = ["security.W019", "security.W005", "security.W021"]
_BASEMAP_ORIGIN = ["/".join(BASEMAP_STYLE_URL.split("/")[:3])] if "://" in BASEMAP_STYLE_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "worker-src": [SELF, "blob:"],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:", *_BASEMAP_ORIGIN],
        "connect-src": [SELF, *_BASEMAP_ORIGIN],
        "frame-ancestors": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    }
}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # Monitoring inside the network asks these directly over HTTP.
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_HTTPS else 0
_hsts_subdomains = variables.text("HSTS_SUBDOMAINS")
SECURE_HSTS_PRELOAD = BEHIND_HTTPS and _hsts_subdomains == "preload"  # The site agrees to be listed by browsers.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD or (BEHIND_HTTPS and variables.switch("HSTS_SUBDOMAINS"))
_is_public_https = BEHIND_HTTPS and PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = ["/".join(PUBLIC_URL.split("/")[:3])] if _is_public_https else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_HTTPS else None
# Browsers accept cookies with this prefix only from this host over HTTPS.
_cookie_prefix = "__Host-" if BEHIND_HTTPS else ""
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
LANGUAGE_COOKIE_NAME = f"{_cookie_prefix}django_language"

# Which images become pairs; which methods run on every new product and pair, and on what.
PAIR_BASELINES_DAYS = variables.whole_numbers("PAIR_BASELINES_DAYS")
SCHEDULED_METHODS = variables.pairs_over_default("METHODS")
COHERENCE_WINDOW = variables.checked_text("COHERENCE_WINDOW", window_of)  # rows x columns in px, for coherence on maps
# How fast ground may move that offsets are looked for.
OFFSETS_REACH_GLACIER_M_DAY = 50.0  # Search range inside a glacier's outline that has no property reach_m_day.
OFFSETS_REACH_M_DAY = 5.0  # Search range elsewhere.
RUN_STALL_MINUTES = TEST_SETTINGS.get("RUN_STALL_MINUTES", 30.0)  # A run without progress is ended and tried again.
RUN_BEAT_SECONDS = TEST_SETTINGS.get("RUN_BEAT_SECONDS", 20.0)  # Three may fail: a lease lasts 90 seconds.
ML_DEVICE = variables.text("ML_DEVICE")
WORK_DIR = variables.text("WORK_DIR", str(VAR_DIR / "work"))

# Reviews.
REVIEW_CLAIM_MINUTES = 15.0  # A case is released after this time without a sign of life from its reviewer.
SECOND_PERSON_FROM = variables.text("SECOND_PERSON_FROM")  # docs/decisions/0009. If empty, reviewers publish alone.

# Files that are given: a watched folder, uploads, and the limits of the process that reads one.
WATCH_FOLDER = variables.text("WATCH_FOLDER")
WATCH_STABLE_SECONDS = 10.0  # A file that has not changed since then has arrived.
UPLOAD_DIR = variables.text("UPLOAD_DIR", str(VAR_DIR / "uploads"))
UPLOAD_MAX_BYTES = variables.whole_number("UPLOAD_MAX_BYTES")
INSPECT_COMMAND = ["-m", "ground_motion", "inspect"]  # A worker looks with it at an upload that lacks a declaration.
UPLOAD_KEEP_HOURS = 24.0  # Refused and failed files can be tried again for this time; 0 keeps none.
INGEST_WORKERS = min(4, os.cpu_count() or 1)  # Number of files loaded at a time
INGEST_JOBS_AT_ONCE = variables.whole_number("INGEST_JOBS_AT_ONCE")
INGEST_STALL_MINUTES = 30.0  # A job that neither progresses nor computes is tried again after this time.
INGEST_MOST_POINTS = 100_000_000  # An OPERA frame declares 76 million pixels.

# Room on the disks: below what is to stay free, no new run, file or download is begun.
DISK_SPARE_BYTES = variables.whole_number("DISK_SPARE_BYTES")
DISK_SPARE_PERCENT = TEST_SETTINGS.get("DISK_SPARE_PERCENT", 1.0)  # The larger of this and DISK_SPARE_BYTES stays free.
UPLOAD_SPARE_BYTES = ACQUIRE_SPARE_BYTES = DISK_SPARE_BYTES
DATABASE_DISK_PATH = variables.text("DATABASE_DISK_PATH", "")
DATABASE_MOST_BYTES = variables.whole_number("DATABASE_MOST_BYTES")
# Days for which results, images and old releases are kept; 0: for ever. What an alert, an event, a glacier's series
# or an unfinished run needs is kept whatever its age (monitor/operations/retention).
KEEP_PREDICTION_RASTERS_DAYS = variables.whole_number("KEEP_PREDICTION_RASTERS_DAYS")
KEEP_SCENE_DAYS = variables.whole_number("KEEP_SCENE_DAYS")
KEEP_SCENES = variables.whole_number("KEEP_SCENES")
KEEP_RELEASES = variables.whole_number("KEEP_RELEASES")
KEEP_JOB_DAYS = 90  # Jobs of loaded, refused or failed files are deleted after this time.

# Images that are fetched (the extra `acquire`). Off unless ACQUIRE_SOURCE is asf or stac.
ACQUIRE_SOURCE = variables.text("ACQUIRE_SOURCE")
ACQUIRE_AREA = variables.text("ACQUIRE_AREA")
ACQUIRE_DAYS = 14.0  # A search looks back over one repeat cycle of a satellite.
ACQUIRE_PRODUCT = variables.texts("ACQUIRE_PRODUCT")
ACQUIRE_POLARISATION = variables.text("ACQUIRE_POLARISATION")
ACQUIRE_ASF_HOST = "cmr.earthdata.nasa.gov"
ACQUIRE_STAC_URL, _, _collection = variables.text("ACQUIRE_STAC_URL").partition("collections/")
ACQUIRE_STAC_COLLECTION = _collection or "sentinel-1-grd"
ACQUIRE_FOLDER = str(Path(UPLOAD_DIR).parent / "downloads")  # Only workers read this folder; it is never served.
ACQUIRE_QUOTA_BYTES = variables.whole_number("ACQUIRE_QUOTA_BYTES")
ACQUIRE_AT_ONCE = 1
ACQUIRE_READ_SECONDS = 60.0  # An archive that sends no byte for that long is asked again.
EARTHDATA_TOKEN = variables.text("EARTHDATA_TOKEN")
EARTHDATA_TOKEN_HOSTS = [
    *("datapool.asf.alaska.edu", "sentinel1.asf.alaska.edu", "cumulus.asf.earthdatacloud.nasa.gov"),
    *("grfn.asf.alaska.edu", "nisar.asf.earthdatacloud.nasa.gov", "hyp3-api.asf.alaska.edu"),
]
EARTHDATA_SIGN_IN_URL = (  # It leads to a page that sets the cookie of asf.alaska.edu (hyp3_sdk.util.AUTH_URL).
    "https://urs.earthdata.nasa.gov/oauth/authorize?response_type=code&client_id=BO_n7nTIlMljdvU6kRRB3g"
    "&redirect_uri=https://cumulus.asf.alaska.edu/login&app_type=401"
)
HYP3_URL = "https://hyp3-api.asf.alaska.edu"
EARTHDATA_LOGIN_HOSTS = ["urs.earthdata.nasa.gov"]
STAC_TOKEN = variables.text("STAC_TOKEN")
STAC_TOKEN_HOSTS = variables.texts("STAC_TOKEN_HOSTS")
STAC_SIGN_IN_URL = (  # It gives tokens for name and password; the fragment names the public client (client/tokens.py).
    "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token#cdse-public"
)
# Hosts that are contacted to find and fetch images; see ground_motion/core/http/allow_list.py for how they are written.
OUTBOUND_HOSTS = variables.texts("OUTBOUND_HOSTS")

# Catalogues of earthquakes and volcano notices; OUTBOUND_HOSTS has to name their hosts, too. Empty: none is asked.
EVENT_FEEDS = variables.texts("EVENT_FEEDS")

# Addresses that no loaded list of places knows; its host belongs into OUTBOUND_HOSTS, too.
GEOCODER_URL = variables.text("GEOCODER_URL")
GEOCODER_SECONDS = 1  # All visitors together ask at most once in this time; 0: no limit.
GEOCODER_ATTRIBUTION = "© OpenStreetMap contributors"  # Nominatim searches their data.

# The outbox, and what carries its messages: the entry points of `ground_motion.channels`. Without EMAIL_URL every mail
# becomes a file under var/mail and none leaves this machine.
CHANNELS = plugins.entry_points_of(plugins.CHANNELS)
_mail = process.mail_server(VAR_DIR / "mail")
EMAIL_BACKEND, EMAIL_FILE_PATH = _mail["EMAIL_BACKEND"], _mail["EMAIL_FILE_PATH"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["EMAIL_USE_TLS"], _mail["EMAIL_USE_SSL"]
# Seconds to connect and sign in, and again for a mail: no sender may outlast the lease of its message (five minutes),
# so that no other process sends the same mail.
EMAIL_TIMEOUT = TEST_SETTINGS.get("EMAIL_TIMEOUT", 30.0)
BOUNCE_ADDRESS = variables.text("BOUNCE_ADDRESS", "")
DEFAULT_FROM_EMAIL = variables.text("DEFAULT_FROM_EMAIL", formataddr((SITE.name, "no-reply@localhost")))
WEBHOOK_SECONDS = 10.0  # A slower receiver is tried again later.
WEBHOOKS_AT_ONCE = 64  # Most deliveries in progress at once.
ENDPOINTS_PRIVATE = variables.switch("ENDPOINTS_PRIVATE")
# Immediate subscribers: minutes in which news is gathered into one message, and minutes until the next message.
GATHERING = {"mail": (0.5 if DEMO else 5.0, 60.0)}
MAIL_SENDERS = 3  # The fourth process of the mail worker does everything else.
# Confirmations and links that may be asked for in a day.
MAIL_LIMIT_PER_ADDRESS = 3
MAIL_LIMIT_PER_IP = 30
MAIL_LIMIT_PER_DOMAIN = 100  # all names of a small domain may be one mailbox
MAIL_LIMIT_OVERALL = 2000
ENDPOINT_LIMIT_PER_PERSON = 50  # Test messages and resends that one person may trigger a day.

# Alarms: who hears of what is wrong, besides administrators who have an address in their account; the log.
ADMIN_EMAILS = variables.texts("ADMIN_EMAILS")
ALARM_AFTER_MINUTES = TEST_SETTINGS.get("ALARM_AFTER_MINUTES", 15.0)  # A fault that lasts less raises no alarm.
ALARM_NO_DATA_DAYS = variables.number("ALARM_NO_DATA_DAYS")
SECURITY_CONTACT = SITE.security_contact  # The contact is public; if empty, there is no /.well-known/security.txt.

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"no secret links": {"()": "monitor.web.secret_links.NoSecretLinks"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["no secret links"]}},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")}  # the root's only
    | {
        name: {"level": "WARNING"} for name in ("rasterio", "asf_search", "pystac_client", "urllib3")
    },  # These libraries log every start, file and address.
    "root": {"handlers": ["console"], "level": variables.text("LOG_LEVEL")},
}
