"""Hands mails to taskiq, 32 at once."""

import asyncio

import uvloop
from submitting import Watch, mails
from taskiq_app import broker, send


async def main():
    await broker.startup()
    left = mails()

    async def some():
        for mail in left:
            await send.kiq(mail)

    with Watch():
        await asyncio.gather(*(some() for _ in range(32)))
    await broker.shutdown()


uvloop.run(main())
