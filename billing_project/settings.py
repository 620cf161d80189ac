"""Configure Django for production; every choice comes from environment.py's table."""

import logging
import os
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from billing_project import environment, logs
from billing_project.schedule import SCHEDULE, every

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

try:
    ENV = environment.read(os.environ)
    DATABASES = {
        "default": environment.database(
            ENV["DATABASE_URL"], pool_size=ENV["DATABASE_POOL_SIZE"], prepares=ENV["PREPARED_STATEMENTS"]
        )
    }
except (environment.SettingsMissing, environment.SettingInvalid) as problem:
    raise ImproperlyConfigured(str(problem)) from problem

SECRET_KEY = ENV["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ENV["ALLOWED_HOSTS"]
CSRF_TRUSTED_ORIGINS = ENV["CSRF_TRUSTED_ORIGINS"]

EVENT_MAX_AGE_DAYS = ENV["EVENT_MAX_AGE_DAYS"]
INVOICE_GRACE_MINUTES = ENV["INVOICE_GRACE_MINUTES"]
HOLD_LATE_USAGE = ENV["HOLD_LATE_USAGE"]
BILLING_TIME_ZONE = ENV["BILLING_TIME_ZONE"]
INVOICE_LOGO = ENV["INVOICE_LOGO"]
JOURNAL_ACCOUNTS = ENV["JOURNAL_ACCOUNTS"]
MAX_BODY_BYTES = ENV["MAX_BODY_BYTES"]
ROLL_SECONDS = ENV["ROLL_SECONDS"]
DATABASE_POOL_SIZE = ENV["DATABASE_POOL_SIZE"]
INGEST_THREADS = ENV["INGEST_THREADS"]
INGEST_QUEUE_EVENTS = ENV["INGEST_QUEUE_EVENTS"]
REFUSED_BODY_DAYS = ENV["REFUSED_BODY_DAYS"]
REFUSED_BODY_MEGABYTES = ENV["REFUSED_BODY_MEGABYTES"]
INGEST_EVENTS_PER_SECOND = ENV["INGEST_EVENTS_PER_SECOND"]
PAGE_STATEMENT_SECONDS = ENV["PAGE_STATEMENT_SECONDS"]
WEBHOOK_PRIVATE_ADDRESSES = ENV["WEBHOOK_PRIVATE_ADDRESSES"]
DEVELOPMENT = ENV["DEVELOPMENT"]
FAULT_POINTS = False
PORT = ENV["PORT"]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "access.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pghistory",
    "pgtrigger",
    "rest_framework",
    "core",
    "access",
    "jobs",
    "webhooks",
    "customers",
    "events",
    "meters",
    "products",
    "credits",
    "invoices",
    "api",
    "dashboard",
    "billing_project",
]

MIDDLEWARE = [
    "api.middleware.ApiEdge",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "access.middleware.RuleMiddleware",
    "access.middleware.TextMiddleware",
    "access.middleware.DeploymentMiddleware",
    "access.middleware.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "billing_project.urls"
WSGI_APPLICATION = "billing_project.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = ENV["REDIS_URL"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A task that ran longer than this without being acknowledged is given to another worker; every task may run twice.
    "visibility_timeout": 3600,
    # Without these, a request that starts a job while the broker is away hangs for six seconds; the job is queued in any case.
    "max_retries": 1,
    "interval_start": 0,
    "interval_max": 0.1,
    "socket_connect_timeout": 2,
    # Nor may one that stands still hold the request for ever; longer than the second for which a worker has it wait for tasks.
    "socket_timeout": 3,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = SCHEDULE | {"usage": every(ROLL_SECONDS, "meters.roll")}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard:home"
LOGOUT_REDIRECT_URL = "login"
AXES_VERBOSE = False  # it announces itself at the start of every process
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True

UNFOLD = {
    "SITE_TITLE": "Tallybook",
    "SITE_HEADER": "Tallybook",
    "SITE_SUBHEADER": _("Back office"),
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/favicon.svg")}],
    "STYLES": [lambda request: static("css/backoffice.css")],
    "SIDEBAR": {"show_search": True, "navigation": "access.site.navigation"},
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 7 * 86_400
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEVELOPMENT else 31_536_000
# W005, W021: whether HSTS holds for all other hosts of the domain is not this product's to say.  W008: a redirected POST becomes a GET in
# client libraries, an event batch lost with a success reported; the proxy decides what plain HTTP gets.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

LOGGING = logs.configure(ENV["LOG_LEVEL"])
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
DJANGO_STRUCTLOG_USER_ID_FIELD = "public_id"
# The address that the web server tells; a header could say any, and the server believes one from its own proxies only.
IPWARE_META_PRECEDENCE_ORDER = ("REMOTE_ADDR",)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

DATA_UPLOAD_MAX_MEMORY_SIZE = ENV["MAX_BODY_BYTES"]
FILE_UPLOAD_HANDLERS = ["core.uploads.NoFiles"]

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "EXCEPTION_HANDLER": "api.v1.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "api.v1.operations.Described",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tallybook API",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["api.v1.schema.add_shapes"],
}
