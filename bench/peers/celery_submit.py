"""Hands mails to Celery."""

from celery_app import app, send
from submitting import Watch, mails

with app.producer_pool.acquire(block=True):
    pass
with Watch():
    for mail in mails():
        send.delay(mail)
