"""A taskiq task on Redis streams that sends with aiohttp."""

import os

import aiohttp
from taskiq import SimpleRetryMiddleware, TaskiqEvents
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

broker = (
    RedisStreamBroker(os.environ["REDIS_URL"])
    .with_serializer(ORJSONSerializer())
    .with_middlewares(SimpleRetryMiddleware(default_retry_count=10))
)
sessions = []


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def begin(_):
    sessions.append(
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10), connector=aiohttp.TCPConnector(limit=64)
        )
    )


@broker.task(retry_on_error=True)
async def send(mail: dict) -> None:
    document = {
        "From": mail["from"],
        "To": ",".join(mail["to"]),
        "Subject": mail["subject"],
        "TextBody": mail["text"],
        "HtmlBody": mail["html"],
        "Tag": mail["tags"][0],
        "Metadata": mail["metadata"],
    }
    url = os.environ["PROVIDER_URL"] + "/email"
    headers = {"X-Postmark-Server-Token": "token"}
    async with sessions[0].post(url, json=document, headers=headers) as answer:
        answer.raise_for_status()
        await answer.read()
