/** The signature of the gateway's webhooks, as Standard Webhooks defines it. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface WebhookEvent {
  /** The same each time it comes: dedupe on it. */
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
}

/** It was not signed with this secret, or too long ago: answer 401, and believe nothing. */
export class InvalidWebhook extends Error {}

/**
 * Check the signature of a webhook's call and return what it brings. Throws `InvalidWebhook`.
 *
 * `body` is the body as it came, before any parsing; `secret` as it was shown, several while one
 * replaces the other; `tolerance` the seconds by which two clocks may differ.
 */
export function verifyWebhook(
  body: string | Buffer,
  headers: Record<string, string | string[] | undefined>,
  secret: string | readonly string[],
  { now = Date.now() / 1000, tolerance = 300 } = {},
): WebhookEvent {
  const given = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value ?? "")]),
  );
  const id = given["webhook-id"] ?? "";
  const at = given["webhook-timestamp"] ?? "";
  if (!id || !/^[0-9]{1,12}$/.test(at)) throw new InvalidWebhook("a header field is missing");
  if (!(Math.abs(now - Number(at)) <= tolerance)) throw new InvalidWebhook("too far from now");
  const signatures = (given["webhook-signature"] ?? "").split(" ")
    .filter((each) => each.startsWith("v1,"))
    .map((each) => Buffer.from(each.slice(3), "base64"));
  const good = [secret].flat().some((each) => {
    const key = Buffer.from(each.replace(/^whsec_/, ""), "base64");
    const expected = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest();
    return signatures.some((s) => s.length === expected.length && timingSafeEqual(s, expected));
  });
  if (!good) throw new InvalidWebhook("no signature is good");
  return { ...(JSON.parse(String(body)) as WebhookEvent), id };
}
