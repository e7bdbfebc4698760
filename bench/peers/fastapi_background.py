"""FastAPI that answers 202 and sends in a background task with httpx, one client kept."""

import os

import httpx
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel, Field

app = FastAPI()
client = httpx.AsyncClient(timeout=10)


class Mail(BaseModel):
    from_: str = Field(alias="from")
    to: list[str]
    subject: str
    text: str
    html: str
    tags: list[str]
    metadata: dict[str, str]


async def deliver(mail: Mail):
    document = {
        "From": mail.from_,
        "To": ",".join(mail.to),
        "Subject": mail.subject,
        "TextBody": mail.text,
        "HtmlBody": mail.html,
        "Tag": mail.tags[0],
        "Metadata": mail.metadata,
    }
    url = os.environ["PROVIDER_URL"] + "/email"
    answer = await client.post(url, json=document, headers={"X-Postmark-Server-Token": "token"})
    answer.raise_for_status()


@app.post("/mails", status_code=202)
async def mails(mail: Mail, background: BackgroundTasks):
    background.add_task(deliver, mail)
    return {"accepted": True}
