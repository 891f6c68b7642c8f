"""Django's settings, read from the environment (docs/operations.md has the table)."""

from typing import Any

import dj_database_url

from dashboard import environment, languages, limits
from upgrades.installation import IS_CHECKOUT
from upgrades.installation import ROOT as CHECKOUT

ROLLGRID_HOME = environment.home()
ROLLGRID_QUEUE = environment.queue()
DEBUG = environment.debug()
HTTPS_ONLY = environment.https_only()
SECRET_KEY = environment.secret_key()
ALLOWED_HOSTS = environment.allowed_hosts()
EXTERNAL = environment.external_url()
TRUSTED_PROXIES = environment.trusted_proxies()
HEALTH_WAIT_SECONDS = environment.health_wait_seconds()
OPERATION_TIMEOUT_SECONDS = environment.operation_timeout_seconds()
UPGRADE_TIMEOUT_SECONDS = environment.upgrade_timeout_seconds()
RETRY_SECONDS = environment.retry_seconds()
KEEP_HISTORY_DAYS = environment.keep_history_days()
TEMPLATE_HOSTS = environment.template_hosts()
CREATE_AGAIN_SECONDS = environment.create_again_seconds()
METRICS_TOKEN = environment.metrics_token()
OUTGOING_HOSTS = environment.outgoing_hosts()
OUTGOING_CA = environment.outgoing_ca()
MQTT_URL = environment.mqtt_url()
MQTT_CA = environment.mqtt_ca()

# Without the app "daphne": it is only for `runserver`, and would load Twisted into every process (0.6 s and 27 MB each, measured).
INSTALLED_APPS = [
    # Before Django's own apps: of two commands with the same name the first app's is run.
    "dashboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "upgrades",
]
MIDDLEWARE = [
    "dashboard.health.answer_first",
    "dashboard.security.content_security_policy",
    "dashboard.languages.use_browser_language",
    "dashboard.json_errors.errors_as_json",
    "dashboard.error_pages.refuse_unreadable",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.auditing.audit_actor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# An installed package has templates and static files in `dashboard`, where Django finds them by itself (pyproject.toml).
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CHECKOUT / "templates"] if IS_CHECKOUT else [],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"rollgrid_admin": "upgrades.admin.tags"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.rights.rights",
                "dashboard.page_texts.texts_of_page",
            ],
        },
    }
]
# The server refuses larger requests before they are read (dashboard/limits.py), so no upload is ever put on disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = limits.MAX_DOCUMENT
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # no form takes files
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"


# A process that is halted or cut off in a transaction keeps its locks, so that nobody else can claim or write those rows. Found by stopping
# one of two probers: the other waited until the first went on. Our own transactions are never idle for seconds.
END_IDLE_TRANSACTIONS = "-c idle_in_transaction_session_timeout=10s"


# Not as a URL, since the folder's name may contain #, ? or %.
OWN_DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(environment.database_file())}


def _database() -> dict[str, Any]:
    given = environment.given_database_url()
    database: dict[str, Any] = dict(dj_database_url.parse(given)) if given else dict(OWN_DATABASE)
    database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # Without IMMEDIATE, read-then-write fails with "database is locked" (measured: 290 of 400, against 0). FULL: what was committed
        # survives a power cut; with NORMAL a machine could be reimaged twice, and an opt-out be forgotten, for 0.2 ms less a commit.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # journal_size_limit: the write-ahead log shrinks again after one large transaction.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000; "
            "PRAGMA journal_size_limit=67108864",
        }
    else:
        database["OPTIONS"] = {"connect_timeout": 5, "options": END_IDLE_TRANSACTIONS, **database.get("OPTIONS", {})}
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "dashboard.auditing.PasswordLength", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "login"
LANGUAGE_CODE = languages.ENGLISH
LANGUAGES = languages.offered()
FORMAT_MODULE_PATH = "dashboard.formats"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS = [CHECKOUT / "static"] if IS_CHECKOUT else []
STATIC_ROOT = ROLLGRID_HOME / "static"
# Only for what pages are put together of: dashboard/static_files.py.
SERVESTATIC_USE_BROTLI = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # there are no uploads
    "staticfiles": {"BACKEND": "dashboard.static_files.HashedFiles"},
}

REDIS_URL = environment.redis_url()

CELERY_BROKER_URL = environment.celery_broker_url()
# Workers of another queue than the main installation's have messages of their own.
CELERY_TASK_DEFAULT_QUEUE = f"celery.{ROLLGRID_QUEUE}" if ROLLGRID_QUEUE else "celery"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
# Messages are acknowledged early: recovery is by the leases in the database only, so a lost message is harmless and none runs twice.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = (
    True  # touches late acknowledgement only; False warns at every loss
)
CELERY_BROKER_CONNECTION_RETRY = True
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a refused command (broker out of memory, read-only) must not end the worker
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # By default kombu looks only every 10 x 10 s for messages that a killed worker has left (measured).
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "health_check_interval": 10,
    "socket_keepalive": True,
}
CELERY_BEAT_SCHEDULER = "dashboard.beat:SteadyScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
# `expires`: so that a worker that was down does not work off a backlog.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "tick": {"task": "upgrades.tasks.tick", "schedule": 1.0, "options": {"expires": 2}},
    "deployments": {"task": "upgrades.arm.deployments.advance", "schedule": 2.0, "options": {"expires": 2}},
    "image sources": {"task": "upgrades.tasks.check_image_sources", "schedule": 60.0, "options": {"expires": 50}},
    "references": {"task": "upgrades.tasks.check_references", "schedule": 10.0, "options": {"expires": 9}},
    "purge": {"task": "upgrades.tasks.purge", "schedule": 3600.0, "options": {"expires": 600}},
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "cancelled": {"()": "dashboard.log_filters.DropCancelled"},
        "not ready": {"()": "dashboard.log_filters.DropNotReady"},
        "once a minute": {"()": "upgrades.outages.OnceAMinute"},
        "short": {"()": "dashboard.log_filters.ShortenRefusals"},
    },
    "formatters": {"line": {"()": "dashboard.masking.MaskingFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["once a minute", "short"]}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own handlers (one of them sends mail) are removed: everything goes to the root logger.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"filters": ["not ready"]},
        # These log every request, task and connection, and every late tick.
        "daphne": {"level": "WARNING"},
        "uvicorn.error": {
            "level": "ERROR",
            "filters": ["cancelled"],
        },  # its warnings are about what is refused, which is said by ourselves
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "asyncio": {"level": "WARNING"},
        "aiohttp.access": {"level": "WARNING"},
    },
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
if EXTERNAL and EXTERNAL.path:
    # All links have the sub-path; requests without it are answered too (dashboard/proxy_headers.py).
    FORCE_SCRIPT_NAME = EXTERNAL.path
    SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{EXTERNAL.path}/"
if HTTPS_ONLY or (EXTERNAL and EXTERNAL.scheme == "https"):
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
if HTTPS_ONLY:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_HOST = EXTERNAL.host if EXTERNAL else None
