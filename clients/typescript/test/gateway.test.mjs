// Against the gateway of MAIL_SENDER_URL, with the key of MAIL_SENDER_KEY.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Client, NotDelivered, Refused } from "../dist/index.js";

const { MAIL_SENDER_URL: url, MAIL_SENDER_KEY: key } = process.env;
const client = url ? new Client(url, key) : undefined;
const skip = url ? false : "MAIL_SENDER_URL names no gateway";
const MAIL = { from: "Shop <shop@example.com>", to: ["ann@example.net"], subject: "Order 7", text: "Hi" };
after(() => client?.close());

test("a mail is accepted once, sent, and found", { skip }, async () => {
  const mail = { ...MAIL, idempotency_key: `order-${Math.random()}` };
  const [first, second] = [await client.send(mail), await client.send(mail)];
  assert.equal(second.id, first.id);
  assert.equal((await client.wait(first.id)).status, "sent");
  assert.equal((await client.status(first.id)).recipients[0].address, "ann@example.net");
});

test("a mail is sent now, or refused with what providers said", { skip }, async () => {
  assert.equal((await client.sendNow(MAIL)).status, "sent");
  await assert.rejects(client.send({ ...MAIL, to: ["nonsense"] }), (error) => {
    assert.ok(error instanceof Refused && !(error instanceof NotDelivered));
    assert.equal(error.problem.errors[0].pointer, "/to/0");
    return true;
  });
});

test("a batch, a dry run, and a cancelled mail", { skip }, async () => {
  const results = await client.sendBatch([MAIL, { ...MAIL, to: ["nonsense"] }]);
  assert.deepEqual(results.map((each) => each.status), [202, 422]);
  assert.equal((await client.explain(MAIL)).would_be_sent, true);
  const send_at = new Date(Date.now() + 3_600_000).toISOString();
  const { id } = await client.send({ ...MAIL, send_at });
  assert.equal((await client.cancel(id)).status, "cancelled");
  assert.equal((await client.cancel(id)).status, "cancelled");
});

test("events tell of what happens from now on", { skip }, async () => {
  const events = client.events();
  const first = events.next();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { id } = await client.send(MAIL);
  const { value } = await first;
  assert.deepEqual([value.type, value.message_id], ["message.queued", id]);
  await events.return();
});
