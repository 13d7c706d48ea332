"""Django REST framework with simplejwt: `has_perm` of the user that the token names."""

import os
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from benchmarks.authentication.account import EMAIL, LIFETIME, PASSWORD, SECRET

#: The variable of the environment that has its database.
DATABASE = "BENCHMARK_DJANGO_DATABASE"


def prepared() -> str:
    """Django's own tables, a user who may view permissions, and its token."""
    _configured()
    from django.contrib.auth.models import Permission, User
    from django.core.management import call_command
    from rest_framework_simplejwt.tokens import AccessToken

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("ann", EMAIL, PASSWORD)
    user.user_permissions.add(Permission.objects.get(codename="view_permission"))
    return str(AccessToken.for_user(user))


def app() -> Any:
    """Django's ASGI application with a bare view and a protected one."""
    _configured()
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


def _configured() -> None:
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.authentication.rest_framework_urls",
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "rest_framework",
        ],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DATABASES={"default": _database(os.environ[DATABASE])},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        LOGGING_CONFIG=None,
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "rest_framework_simplejwt.authentication.JWTAuthentication"
            ],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(seconds=LIFETIME)},
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
        # Its documented pool: without it each request would open a connection.
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 20}},
    }
