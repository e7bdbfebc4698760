// What the API says of webhooks and their deliveries, as words. Pure.

import type { components } from "../../api/schema";
import type { EventType, Webhook } from "../../api/types";
import { duration } from "../../parts/format";
import type { Word } from "../../parts/words";

type Schemas = components["schemas"];
export type Delivery = Schemas["DeliveryOut"];
export type DeliveryState = Schemas["DeliveryState"];
export type CallAttempt = Schemas["WebhookAttemptOut"];

export type Standing = "active" | "failing" | "paused";

export const STANDING_WORDS: Record<Standing, Word> = {
  active: { label: "Active", meaning: "It is told of every event that it wants.", color: "green" },
  failing: {
    label: "Failing",
    meaning: "Nothing but failures lately; each event is tried again over a day.",
    color: "red",
  },
  paused: { label: "Paused", meaning: "It is not called; events wait for it.", color: "gray" },
};

export function standingOf({ status, failing_since }: Webhook): Standing {
  if (status === "paused") return "paused";
  return failing_since === null ? "active" : "failing";
}

export const DELIVERY_WORDS: Record<DeliveryState, Word> = {
  pending: { label: "Pending", meaning: "It is tried, or tried again.", color: "blue" },
  delivered: { label: "Delivered", meaning: "The receiver answered with a 2xx.", color: "green" },
  failed: {
    label: "Failed",
    meaning: "Its last attempt failed: mend the receiver and replay it.",
    color: "red",
  },
  skipped: {
    label: "Left out",
    meaning: "It happened during a pause, and was not wanted afterwards.",
    color: "gray",
  },
};

/** What came of one call, such as `204 in 12 ms`. */
export function resultOf({ status, error, duration_ms }: CallAttempt): string {
  if (status === null) return `${error || "no answer"}, after ${duration(duration_ms)}`;
  return `${status} in ${duration(duration_ms)}`;
}

/** Which events it is told of. */
export function wantsOf({ event_types, tags, key_ids }: Omit<Webhook, "id">): string {
  const types = event_types.length > 0 ? event_types.join(", ") : "every event";
  const limits = [
    ...(tags.length > 0 ? [`tagged ${tags.join(" or ")}`] : []),
    ...(key_ids.length > 0 ? [`sent with ${key_ids.length} of the keys`] : []),
  ];
  return limits.length > 0 ? `${types}, of messages ${limits.join(" and ")}` : types;
}

/** The body as it was sent, laid out for people; as it is where it is no JSON. */
export function laidOut(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

const TYPES: Record<EventType, true> = {
  "message.queued": true,
  "message.scheduled": true,
  "message.deferred": true,
  "message.sent": true,
  "message.unknown": true,
  "message.failed": true,
  "message.expired": true,
  "message.suppressed": true,
  "message.cancelled": true,
  "message.retried": true,
  "message.released": true,
  "message.settling": true,
  "message.delivered": true,
  "message.delayed": true,
  "message.bounced": true,
  "message.rejected": true,
  "message.complained": true,
  "message.opened": true,
  "message.clicked": true,
  "message.unsubscribed": true,
  "provider.degraded": true,
  "provider.recovered": true,
  "webhook.paused": true,
  "webhook.test": true,
};

/** Families first: most receivers want a whole one. A test goes out whatever is chosen. */
export const EVENT_CHOICES: readonly string[] = [
  ...["message.*", "provider.*", "webhook.*"],
  ...Object.keys(TYPES).filter((type) => type !== "webhook.test"),
];

/** The message that an event is about; null for others. */
export function messageOf(body: string): string | null {
  try {
    const { data } = JSON.parse(body) as { data?: { message_id?: unknown } };
    return typeof data?.message_id === "string" ? data.message_id : null;
  } catch {
    return null;
  }
}
