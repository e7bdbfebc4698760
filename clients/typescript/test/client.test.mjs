// What the client promises, against servers on loopback: 127.0.0.0/8 is loopback as a whole on
// Linux, each address of it a host of its own.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import http from "node:http";
import { after, test } from "node:test";
import { Client, InvalidWebhook, NoAnswer, NotDelivered, Refused, verifyWebhook } from "../dist/index.js";

const HOSTS = ["127.0.5.1", "127.0.5.2"];
const MAIL = { to: "ann@example.net", subject: "Order 7", text: "Thank you" };
const ACCEPTED = [202, { id: "msg_1", status: "queued" }];
const CUT = "cut";

const open = [];
after(() => open.forEach((close) => close()));

/** A gateway that answers with the lines of its script; the last one stays. */
async function listen(host, port, ...script) {
  const asked = [];
  const lines = new Set();
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      asked.push({ method: request.method, url: request.url, headers: request.headers, body });
      const says = script.length > 1 ? script.shift() : script[0];
      if (says === CUT) return request.socket.resetAndDestroy();
      const [status, document, headers = {}] = says;
      const text = typeof document === "string" ? document : JSON.stringify(document);
      response.writeHead(status, { "Content-Length": Buffer.byteLength(text), ...headers }).end(text);
    });
  });
  server.on("connection", (socket) => lines.add(socket));
  await new Promise((resolve) => server.listen(port, host, resolve));
  open.push(() => server.close().closeAllConnections());
  return { asked, lines, port: server.address().port };
}

function client(port, options = {}) {
  const made = new Client(`http://gateway.test:${port}`, "k", { addresses: HOSTS, deadline: 5000, ...options });
  open.push(() => made.close());
  return made;
}

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

test("an address that refuses is left at once", async () => {
  const good = await listen(HOSTS[0], 0, ACCEPTED);
  for (let n = 0; n < 6; n++) {
    assert.ok((await timed(() => client(good.port).send(MAIL))) < 150);
  }
  assert.equal(good.asked.length, 6);
});

test("an address that says nothing costs less than 300 ms, and only once", async (t) => {
  const { BLACK_HOLE: host, BLACK_HOLE_PORT: port } = process.env;
  if (!host) return t.skip("BLACK_HOLE names none");
  const good = await listen(HOSTS[0], Number(port), ACCEPTED);
  const first = [];
  for (let n = 0; n < 8; n++) {
    const made = client(good.port, { addresses: [HOSTS[0], host] });
    first.push(await timed(() => made.send(MAIL)));
    assert.ok((await timed(() => made.send(MAIL))) < 100);
  }
  assert.ok(Math.max(...first) < 300, String(first));
  assert.ok(Math.max(...first) > 200, "it came first at least once");
});

test("connections are used again", async () => {
  const good = await listen(HOSTS[0], 0, ACCEPTED);
  const made = client(good.port);
  for (let n = 0; n < 5; n++) await made.send(MAIL);
  assert.equal(good.lines.size, 1);
  await Promise.all([made.send(MAIL), made.send(MAIL), made.send(MAIL)]);
  assert.equal(good.asked.length, 8);
});

test("a lost answer is asked for again at the next address, with the same key and body", async () => {
  const first = await listen(HOSTS[0], 0, CUT, ACCEPTED);
  const second = await listen(HOSTS[1], first.port, CUT, ACCEPTED);
  await client(first.port).send(MAIL);
  const asked = [...first.asked, ...second.asked];
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked.map((each) => each.headers["idempotency-key"])).size, 1);
  assert.equal(new Set(asked.map((each) => each.body)).size, 1);
});

for (const status of [502, 503, 504]) {
  test(`${status} of a proxy leads to the next address at once`, async () => {
    const bad = await listen(HOSTS[0], 0, [status, "<html>"]);
    await listen(HOSTS[1], bad.port, ACCEPTED);
    for (let n = 0; n < 6; n++) {
      assert.ok((await timed(() => client(bad.port).send(MAIL))) < 200);
    }
    assert.ok(bad.asked.length > 0);
  });
}

test("Retry-After is honoured, and one beyond the deadline ends the call", async () => {
  const soon = [503, { code: "draining" }, { "Retry-After": "1" }];
  const good = await listen(HOSTS[0], 0, soon, ACCEPTED);
  const took = await timed(() => client(good.port, { addresses: HOSTS.slice(0, 1) }).send(MAIL));
  assert.ok(took >= 990 && took < 1600, String(took));
  const full = await listen(HOSTS[0], 0, [503, { code: "queue_full" }, { "Retry-After": "30" }]);
  const only = client(full.port, { addresses: HOSTS.slice(0, 1) });
  await assert.rejects(only.send({ ...MAIL, idempotency_key: "k" }), (error) => {
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.code, error.retryAfter, error.idempotencyKey], ["queue_full", 30, "k"]);
    return true;
  });
});

for (const [status, code] of [[503, "not_sent"], [504, "outcome_unknown"], [422, "message_refused"]]) {
  test(`${code} is final and carries the message`, async () => {
    const message = { id: "msg_1", status: "failed", attempts: [] };
    const good = await listen(HOSTS[0], 0, [status, { status, code, id: "msg_1", message }]);
    await assert.rejects(client(good.port).sendNow(MAIL), (error) => {
      assert.ok(error instanceof NotDelivered);
      assert.deepEqual([error.code, error.outcome.id], [code, "msg_1"]);
      return true;
    });
    assert.equal(good.asked.length, 1);
    assert.equal(JSON.parse(good.asked[0].body).mode, "sync");
  });
}

test("a retry that may have arrived is not repeated", async () => {
  for (const says of [CUT, [502, ""], [503, ""]]) {
    const good = await listen(HOSTS[0], 0, says);
    await assert.rejects(client(good.port, { addresses: HOSTS.slice(0, 1) }).retry("msg_1"));
    assert.equal(good.asked.length, 1);
  }
});

test("the deadline holds, and tells whether the mail may have arrived", async () => {
  const nobody = await listen(HOSTS[0], 0, ACCEPTED);
  const gone = client(nobody.port, { addresses: ["127.0.5.9"] });
  const took = await timed(() =>
    assert.rejects(gone.send(MAIL, { deadline: 1000 }), (error) => {
      assert.ok(error instanceof NoAnswer);
      assert.equal(error.mayHaveArrived, false);
      return true;
    }),
  );
  assert.ok(took > 200 && took < 1300, String(took));
  await assert.rejects(() => gone.send(MAIL, { deadline: 0 }), RangeError);
});

test("a batch has a key for each mail and a request for each 500", async () => {
  const data = Array.from({ length: 500 }, () => ({ status: 202, message: { id: "m" } }));
  const good = await listen(HOSTS[0], 0, [202, { data }], [202, { data: data.slice(0, 1) }]);
  const results = await client(good.port).sendBatch(Array.from({ length: 501 }, () => MAIL));
  assert.equal(new Set(results.map((each) => each.idempotencyKey)).size, 501);
  assert.equal(good.asked.length, 2);
});

test("events go on where the line broke", async () => {
  const frame = (n) => `id: evt_${n}\nevent: message.sent\ndata: {"id":"evt_${n}"}\n\n`;
  const good = await listen(
    HOSTS[0], 0,
    [200, { data: [{ id: "evt_4" }] }],
    [200, `retry: 1\n\n${frame(5)}${frame(6)}`],
    CUT,
    [200, `: still here\n\n${frame(7)}`],
  );
  const seen = [];
  for await (const event of client(good.port).events()) {
    seen.push(event.id);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, ["evt_5", "evt_6", "evt_7"]);
  const ids = good.asked.slice(1).map((each) => each.headers["last-event-id"]);
  assert.deepEqual(ids, ["evt_4", "evt_6", "evt_6"]);
});

test("a webhook is believed only with a good and fresh signature", () => {
  const body = '{"type":"message.sent","timestamp":"2030-01-01T00:00:00Z","data":{}}';
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const sign = (text) =>
    createHmac("sha256", Buffer.alloc(32, 1)).update(`dlv_1.1000.${text}`).digest("base64");
  const headers = { "Webhook-Id": "dlv_1", "webhook-timestamp": "1000", "webhook-signature": `v1,${sign(body)}` };
  assert.equal(verifyWebhook(body, headers, secret, { now: 1000 }).id, "dlv_1");
  for (const [text, now] of [[`${body} `, 1000], [body, 1301], [body, 699]]) {
    assert.throws(() => verifyWebhook(text, headers, secret, { now }), InvalidWebhook);
  }
});
