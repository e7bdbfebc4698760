"""A Celery task that sends with django-anymail. LATE=1: acknowledged after the work."""

import os

from anymail_settings import send as send_mail
from celery import Celery

late = os.environ.get("LATE", "1") == "1"
app = Celery("celery_app", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=late,
    task_reject_on_worker_lost=late,
    broker_connection_retry_on_startup=True,
)


@app.task(autoretry_for=(Exception,), retry_backoff=True, max_retries=10)
def send(mail):
    send_mail(mail)
