// What a person has to look at now, most urgent first. Pure.

import type { Provider, System, Webhook } from "../../api/types";
import { count, duration, percent } from "../../parts/format";
import type { Queue } from "../../parts/queue";

export interface Need {
  id: string;
  tone: "bad" | "warning" | "note";
  title: string;
  detail: string;
  /** A moment that belongs to it, such as the next probe. */
  when?: { words: string; at: string };
  place:
    | { to: "/messages"; q: string }
    | { to: "/providers"; name: string }
    | { to: "/webhooks" }
    | { to: "/system" };
  action: string;
}

const LONG_WAIT_SECONDS = 300;
const NEARLY_USED = 0.9;

/**
 * `queue` is given apart from `system`, since that is asked every few seconds only and what waits
 * moves with each mail.
 */
export function needsOf(
  system: Pick<System, "ready" | "why_not_ready">,
  queue: Queue,
  providers: readonly Provider[],
  webhooks: readonly Webhook[] = [],
): Need[] {
  const needs = [
    ...needsOfSystem(system),
    ...needsOfQueue(queue),
    ...providers.flatMap((provider) => [...needsOfProvider(provider)]),
    ...webhooks.flatMap((webhook) => [...needsOfWebhook(webhook)]),
  ];
  return needs.sort((a, b) => URGENCY[a.tone] - URGENCY[b.tone]);
}

const URGENCY: Record<Need["tone"], number> = { bad: 0, warning: 1, note: 2 };

function* needsOfSystem({
  ready,
  why_not_ready,
}: Pick<System, "ready" | "why_not_ready">): Generator<Need> {
  if (!ready) {
    yield {
      id: "not-ready",
      tone: "bad",
      title: "The gateway takes no mail now",
      detail: why_not_ready ?? "",
      place: { to: "/system" },
      action: "See the system",
    };
  }
}

function* needsOfQueue(queue: Queue): Generator<Need> {
  if (queue.unknown > 0) {
    yield {
      id: "unknown",
      tone: "warning",
      title: `${messages(queue.unknown)} with an unknown outcome`,
      detail: `A provider may have taken ${queue.unknown === 1 ? "it" : "them"}, or not. Nothing is sent again by itself: wait for evidence, or decide.`,
      place: { to: "/messages", q: "status:unknown" },
      action: "Decide",
    };
  }
  if (queue.oldest_due_seconds > LONG_WAIT_SECONDS) {
    yield {
      id: "stuck",
      tone: "warning",
      title: "Mail is waiting for a provider",
      detail: `The oldest is due since ${duration(queue.oldest_due_seconds * 1_000)}.`,
      place: { to: "/messages", q: "status:queued" },
      action: "See what waits",
    };
  }
  if (queue.held > 0) {
    yield {
      id: "held",
      tone: "note",
      title: `${messages(queue.held)} held`,
      detail: "They wait until somebody releases them.",
      place: { to: "/messages", q: "status:held" },
      action: "See them",
    };
  }
}

function* needsOfProvider(provider: Provider): Generator<Need> {
  const { name, pause, state, breaker } = provider;
  const at = { place: { to: "/providers", name } as const, action: "Open" };
  if (pause) {
    yield {
      ...at,
      id: `paused-${name}`,
      tone: "note",
      title: `${name} is paused`,
      detail: pause.reason || "No reason was given.",
      when: { words: "since", at: pause.at },
    };
  } else if (state === "down" || state === "degraded") {
    yield {
      ...at,
      id: `down-${name}`,
      tone: state === "down" ? "bad" : "warning",
      title: state === "down" ? `${name} is out of service` : `${name} is being probed`,
      detail: breaker.reason ?? "It failed too often.",
      ...(state === "down" && breaker.probe_at
        ? { when: { words: "next probe", at: breaker.probe_at } }
        : {}),
    };
  }
  for (const [domain, reason] of Object.entries(breaker.blocked_senders)) {
    yield {
      ...at,
      id: `sender-${name}-${domain}`,
      tone: "warning",
      title: `${name} does not take mail from ${domain}`,
      detail: reason,
    };
  }
  const share = quotaShare(provider);
  if (share !== null && share >= NEARLY_USED) {
    yield {
      ...at,
      id: `quota-${name}`,
      tone: "warning",
      title: `${name} has used ${percent(Math.min(share, 1))} of its quota`,
      detail: "At the limit, mail goes to the next provider.",
    };
  }
}

function* needsOfWebhook({ id, url, pause, failing_since }: Webhook): Generator<Need> {
  const at = { id, place: { to: "/webhooks" } as const, action: "Open" };
  if (pause?.by === "gateway") {
    yield {
      ...at,
      tone: "warning",
      title: "A webhook was given up",
      detail: `${url}: ${pause.reason}`,
      when: { words: "since", at: pause.at },
    };
  } else if (pause === null && failing_since !== null) {
    yield {
      ...at,
      tone: "warning",
      title: "A webhook takes nothing",
      detail: `Every call of ${url} fails; events are tried again over a day.`,
      when: { words: "since", at: failing_since },
    };
  }
}

/** The share of the fuller of its windows, 0 to 1 (or above); null without a limit. */
export function quotaShare({ quota }: Pick<Provider, "quota">): number | null {
  const shares = [
    [quota.used_hour, quota.per_hour],
    [quota.used_day, quota.per_day],
  ].flatMap(([used, limit]) => (limit ? [(used ?? 0) / limit] : []));
  return shares.length > 0 ? Math.max(...shares) : null;
}

function messages(number: number): string {
  return number === 1 ? "1 message" : `${count(number)} messages`;
}
