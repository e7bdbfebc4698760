"""A Django service that sends in the request."""

import json

from anymail_settings import send
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path


def mails(request):
    send(json.loads(request.body))
    return JsonResponse({"sent": True})


urlpatterns = [path("mails", mails)]
application = get_wsgi_application()
