"""Django in one file: pip install django heirloom-verifier, then

AUTH_ISSUER=https://auth.example.com AUTH_AUDIENCE=https://api.example.com AUTH_FEED_KEY=... python django_app.py runserver
"""

import os
import sys

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from heirloom_verifier import VerificationError, Verifier, bearer, refusal

# In a project this is its settings.py; the name of the middleware is then "your_app.middleware.HeirloomMiddleware".
settings.configure(
    ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(32).hex(), ALLOWED_HOSTS=["127.0.0.1", "testserver"],
    MIDDLEWARE=[f"{__name__}.HeirloomMiddleware"])
django.setup()

# In a project this is in the module of the middleware. It starts by itself, once per process.
verifier = Verifier(os.environ["AUTH_ISSUER"], os.environ["AUTH_AUDIENCE"], feed_key=os.environ.get("AUTH_FEED_KEY"))


class HeirloomMiddleware:
    """Lets requests with a good token pass; the claims are in `request.claims`."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/health":
            return self.get_response(request)
        token, answer = bearer(request.headers.get("Authorization")), refusal()
        try:
            request.claims = verifier.verify(token) if token else None
        except VerificationError as error:
            request.claims, answer = None, refusal(error)
        if request.claims is not None:
            return self.get_response(request)
        return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def health(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n")


def orders(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"user": request.claims["sub"], "orders": []})


urlpatterns = [path("health", health), path("orders", orders)]
application = WSGIHandler()

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
