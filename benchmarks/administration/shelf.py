"""The table as Django's admin shows it, with Django's own tables beside it."""

from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig

COLUMNS = ("id", "title", "isbn", "price", "stock", "in_print", "published", "country", "summary")
urlpatterns: list[Any] = []


class ShelfConfig(AppConfig):  # type: ignore[misc] # Django has no types
    """The app that the model is of."""

    name = "benchmarks.administration.shelf"
    label = "shelf"


def prepared(url: str) -> tuple[Any, str]:
    """Django as a WSGI app, and the cookie of a superuser's session."""
    _configured(url)
    from django.contrib import admin
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.db import models
    from django.urls import path

    class Book(models.Model):  # type: ignore[misc] # as above
        title = models.TextField()
        isbn = models.TextField()
        price = models.DecimalField(max_digits=8, decimal_places=2)
        stock = models.IntegerField()
        in_print = models.BooleanField()
        published = models.DateField()
        country = models.TextField()
        summary = models.TextField()

        class Meta:
            app_label = "shelf"
            db_table = "book"
            managed = False

    class BookAdmin(admin.ModelAdmin):  # type: ignore[misc] # as above
        list_display = COLUMNS
        search_fields = ("title",)
        list_per_page = 25

    admin.site.register(Book, BookAdmin)
    urlpatterns.append(path("admin/", admin.site.urls))
    call_command("migrate", verbosity=0)
    user = User.objects.create_superuser("ann", "ann@example.com", "correct horse battery")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return get_wsgi_application(), str(session.session_key)


def _configured(url: str) -> None:
    import django
    from django.conf import settings

    apps = ("admin", "auth", "contenttypes", "sessions", "messages")
    settings.configure(
        SECRET_KEY="benchmark" * 6,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            *(f"django.contrib.{each}" for each in apps),
            f"{__name__}.ShelfConfig",
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {**_database(url), "CONN_MAX_AGE": None}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        STATIC_URL="/static/",
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path[1:]}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "PASSWORD": parts.password,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }
