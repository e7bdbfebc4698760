// A BullMQ worker that sends with undici on kept connections.
import { Worker } from "bullmq";
import { Agent, request } from "undici";

const redis = new URL(process.env.REDIS_URL);
const dispatcher = new Agent({ connections: 64, pipelining: 1 });
const headers = { "content-type": "application/json", "x-postmark-server-token": "token" };

new Worker(
  "mails",
  async ({ data: mail }) => {
    const answer = await request(`${process.env.PROVIDER_URL}/email`, {
      dispatcher,
      method: "POST",
      headers,
      body: JSON.stringify({
        From: mail.from,
        To: mail.to.join(","),
        Subject: mail.subject,
        TextBody: mail.text,
        HtmlBody: mail.html,
        Tag: mail.tags[0],
        Metadata: mail.metadata,
      }),
    });
    await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
  },
  {
    connection: { host: redis.hostname, port: Number(redis.port) },
    concurrency: 64,
    removeOnComplete: { count: 100 },
  },
);
