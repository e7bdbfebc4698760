// A shop's day at a gateway: what the pictures show. Nothing of it is real.

import type { Gateway } from "../kit/gateway";
import { breakProvider, heal } from "../kit/sandbox";
import { spreadOverTheLastDay } from "./past";

const NAMES = ["Ann", "Bo", "Chidi", "Dee", "Emre", "Freya", "Goran", "Hana", "Ines", "Jonas"];
const KINDS = [
  { tags: ["orders"], from: "Shop <shop@example.com>", subject: "Your order %n" },
  { tags: ["orders"], from: "Shop <shop@example.com>", subject: "Order %n has left our warehouse" },
  { tags: ["invoices"], from: "Billing <billing@example.com>", subject: "Invoice %n" },
  { tags: ["login"], from: "Example <noreply@example.com>", subject: "Your sign-in code" },
  { tags: ["welcome"], from: "Example <noreply@example.com>", subject: "Welcome, %w" },
];

const HTML = `<div style="font-family:sans-serif;max-width:32em;color:#222">
<h2 style="color:#3b5bdb">Thank you for your order</h2>
<p>Hello Ann, your order <b>4711</b> is on its way and should reach you on Friday.</p>
<table style="border-collapse:collapse;width:100%">
<tr><td style="padding:6px 0">1 teapot, blue</td><td align="right">€ 34.00</td></tr>
<tr><td style="padding:6px 0">2 cups</td><td align="right">€ 18.00</td></tr>
<tr><td style="padding:6px 0;border-top:1px solid #ccc"><b>Total</b></td>
<td align="right" style="border-top:1px solid #ccc"><b>€ 52.00</b></td></tr></table>
<p style="color:#666">Questions? Answer this mail.</p></div>`;

/** What the pages of single messages show. */
export interface Story {
  detour: string;
  unknown: string;
}

export async function tell(gateway: Gateway, receiver: string): Promise<Story> {
  await aDayOfMail(gateway);
  await settings(gateway, receiver);
  return trouble(gateway);
}

async function aDayOfMail(gateway: Gateway): Promise<void> {
  await put(gateway, "ses", { fault: "refuse_recipient", recipient: "gone*" });
  await batch(gateway, 0, 240);
  await put(gateway, "ses", { fault: "error_before", probability: 0.4, seed: 7 });
  await batch(gateway, 240, 330);
  await put(gateway, "ses", { fault: "refuse_recipient", recipient: "gone*" });
  await done(gateway.call("POST", "/v1/providers/ses/resume"));
  await batch(gateway, 330, 620);
  await heal(gateway, "ses");
  await isEmpty(gateway);
  await gateway.stop();
  spreadOverTheLastDay(gateway);
  await gateway.start();
}

async function batch(gateway: Gateway, first: number, end: number): Promise<void> {
  const messages = Array.from({ length: end - first }, (_, more) => mail(first + more));
  await done(gateway.call("POST", "/v1/messages/batch", { messages }));
  await isEmpty(gateway);
}

function mail(n: number): Record<string, unknown> {
  const kind = KINDS[(n * 7) % KINDS.length] ?? KINDS[0];
  const name = NAMES[(n * 3) % NAMES.length] ?? "Ann";
  const local = n % 83 === 40 ? `gone${n}` : `${name.toLowerCase()}${n % 97}`;
  const subject = kind?.subject.replace("%n", String(4000 + n)).replace("%w", name);
  return { ...kind, to: [`${name} <${local}@example.net>`], subject, text: "Hello!" };
}

async function settings(gateway: Gateway, receiver: string): Promise<void> {
  const webhook = { url: receiver, description: "The shop's orders", event_types: ["message.*"] };
  await done(gateway.call("POST", "/v1/webhooks", webhook));
  await gateway.newKey(["send"], { name: "shop", sender_domains: ["example.com"] });
  await gateway.newKey(["send", "read"], { name: "billing" });
  await gateway.newKey(["read"], { name: "dashboard", networks: ["192.0.2.0/24"] });
  const listed = [
    ["gone40@example.net", "hard_bounce", "Mailbox does not exist"],
    ["no-more@example.org", "unsubscribe", "By the link in the newsletter"],
    ["angry@example.org", "complaint", "Reported as spam"],
    ["test@example.com", "manual", "Our own test address"],
  ];
  for (const [address, reason, note] of listed) {
    await done(gateway.call("POST", "/v1/suppressions", { address, reason, note }));
  }
}

async function trouble(gateway: Gateway): Promise<Story> {
  await put(gateway, "ses", { fault: "taken_then_cut", times: 1 });
  const unknown = await gateway.send({
    to: ["Hana <hana@example.net>"],
    subject: "Invoice 4698",
    tags: ["invoices"],
  });
  await isEmpty(gateway);
  await gateway.send({ to: ["angry@example.org"], subject: "Summer sale", mode: "sync" });
  await gateway.send({
    to: ["Ines <ines@example.net>"],
    subject: "Your table on Friday",
    send_at: new Date(Date.now() + 26 * 3600e3).toISOString(),
  });
  await breakProvider(gateway, "ses", "down");
  const detour = await gateway.send({
    mode: "sync",
    to: ["Ann <ann@example.net>"],
    cc: ["desk@example.com"],
    subject: "Your order 4711",
    text: "Thank you for your order.",
    html: HTML,
    tags: ["orders"],
    metadata: { order: "4711", customer: "81" },
  });
  for (let n = 710; n < 717; n += 1) await gateway.send({ ...mail(n), mode: "sync" });
  await done(
    gateway.call("POST", "/v1/providers/relay/pause", { reason: "Its certificate is replaced" }),
  );
  return { detour: detour.id, unknown: unknown.id };
}

async function isEmpty(gateway: Gateway): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const { body } = await gateway.call("GET", "/v1/messages?q=status:queued,sending&limit=1");
    if (body.data.length === 0) return;
    await new Promise((resume) => setTimeout(resume, 200));
  }
  throw new Error("mail still waits");
}

const put = (gateway: Gateway, name: string, fault: Record<string, unknown>) =>
  done(gateway.call("PUT", `/v1/sandbox/faults/${name}`, fault));

async function done(call: ReturnType<Gateway["call"]>): Promise<void> {
  const { status, body } = await call;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
}
