"""A Django site for gunicorn with one of the packages to grade: PEER_PACKAGE is `oauth_toolkit` or `simplejwt`.

DATABASE_URL is a Postgres. Everything is at its default unless a comment gives a reason.
"""

import os
from datetime import timedelta
from urllib.parse import urlsplit

import django
from django.conf import settings

PACKAGE = os.environ["PEER_PACKAGE"]
DATABASE = urlsplit(os.environ["DATABASE_URL"])
COMMON_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]

settings.configure(
    SECRET_KEY="a secret for this check only, of enough characters",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="django_peer",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=COMMON_APPS
    + (["oauth2_provider"] if PACKAGE == "oauth_toolkit" else ["rest_framework_simplejwt.token_blacklist"]),
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": DATABASE.path.lstrip("/"),
            "USER": DATABASE.username,
            "HOST": DATABASE.hostname,
            "PORT": DATABASE.port,
            "CONN_MAX_AGE": 60,
        }
    },
    # The cost of a password matters to sign-ins only.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    OAUTH2_PROVIDER={
        "SCOPES": {"read": "to read", "write": "to write"},
        "PKCE_REQUIRED": False,
        "REFRESH_TOKEN_REUSE_PROTECTION": os.environ.get("PEER_REUSE_PROTECTION") == "on",
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": int(os.environ.get("PEER_GRACE_SECONDS", "0")),
    },
    SIMPLE_JWT={
        "ROTATE_REFRESH_TOKENS": True,
        "BLACKLIST_AFTER_ROTATION": True,
        "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
        "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402

if PACKAGE == "oauth_toolkit":
    from oauth2_provider.decorators import protected_resource

    @protected_resource()
    def me(_request):
        return HttpResponse("alive")

    urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")), path("me/", me)]
else:
    from rest_framework.decorators import api_view, authentication_classes, permission_classes
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework_simplejwt.authentication import JWTAuthentication
    from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView, TokenRefreshView

    @api_view()
    @authentication_classes([JWTAuthentication])
    @permission_classes([IsAuthenticated])
    def me(_request):
        return Response("alive")

    urlpatterns = [
        path("api/token/", TokenObtainPairView.as_view()),
        path("api/token/refresh/", TokenRefreshView.as_view()),
        path("api/token/blacklist/", TokenBlacklistView.as_view()),
        path("me/", me),
    ]

application = get_wsgi_application()


def set_up():
    """The tables, the user and, for the toolkit, two public clients with the password grant."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_user("alice", password="secret")
    if PACKAGE == "oauth_toolkit":
        from oauth2_provider.models import Application

        for client_id in ("torture", "other"):
            Application.objects.create(
                client_id=client_id,
                client_type=Application.CLIENT_PUBLIC,
                authorization_grant_type=Application.GRANT_PASSWORD,
            )


if __name__ == "__main__":
    set_up()
