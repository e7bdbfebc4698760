// What the API says of a provider, as sentences. Pure.

import type { components } from "../../api/schema";
import type { Provider, Route } from "../../api/types";
import { listed } from "../../parts/explanation-words";
import { bytes, count, duration } from "../../parts/format";
import type { Word } from "../../parts/words";

type Schemas = components["schemas"];
export type Check = Schemas["CheckOut"];
type Capabilities = Schemas["CapabilitiesOut"];

/** What it can do, and what it cannot, in plain words. */
export function abilitiesOf(can: Capabilities): { can: string[]; cannot: string[] } {
  const yes: string[] = [`${count(can.max_recipients)} recipients in one call`];
  const no: string[] = [];
  yes.push(
    can.max_message_bytes === null
      ? "mails of any size"
      : `mails of up to ${bytes(can.max_message_bytes)}`,
  );
  (can.max_tags > 0 ? yes : no).push(
    can.max_tags > 0 ? `up to ${count(can.max_tags)} tags` : "tags",
  );
  for (const [name, words] of Object.entries(FEATURES)) {
    (can[name as keyof typeof FEATURES] ? yes : no).push(words);
  }
  return { can: yes, cannot: no };
}

const FEATURES = {
  metadata: "metadata",
  custom_headers: "headers of your own",
  attachments: "attachments",
  inline_images: "images in the text",
  smtputf8: "addresses beyond ASCII",
  blind_alone: "mails to blind copies alone",
  names_everybody: "naming everybody in To and Cc when only the rest of them is served",
} as const satisfies Partial<Record<keyof Capabilities, string>>;

/** How an unknown outcome can be found out here. */
export function settlingOf({ settles_by }: Capabilities): string {
  const ways = settles_by.map((way) => SETTLING[way]).filter((way) => way !== "");
  if (ways.length === 0) return "If an answer is lost, nothing here can tell whether it was taken.";
  return `If an answer is lost, the outcome is settled by ${listed(ways)}.`;
}

const SETTLING: Record<Schemas["Settling"], string> = {
  idempotency_key: "asking again with the same idempotency key",
  look_up: "looking the mail up",
  event: "the provider's events",
  nothing: "",
};

export interface CheckSaid {
  color: string;
  title: string;
  lines: string[];
}

/** A test's result as sentences. */
export function checkInWords(check: Check): CheckSaid {
  const { color, title } = RESULTS[check.result];
  const lines = [sentence(check.detail)];
  if (check.quota_left !== null)
    lines.push(`${count(check.quota_left)} recipients of the quota are left.`);
  if (check.max_per_second !== null) lines.push(`It takes ${check.max_per_second} mails a second.`);
  const clock = clockInWords(check.clock_offset_seconds);
  if (clock) lines.push(clock);
  lines.push(`It took ${duration(check.took_ms)}; nothing was sent.`);
  return { color, title, lines };
}

const RESULTS: Record<Check["result"], { color: string; title: string }> = {
  works: { color: "green", title: "It works: the credentials are good" },
  refused: { color: "red", title: "It answers, and refuses this account" },
  unreachable: { color: "red", title: "It cannot be reached" },
};

const GOOD_CLOCK_SECONDS = 5;

function clockInWords(offset: number | null): string | null {
  if (offset === null) return null;
  const size = Math.abs(offset);
  if (size < GOOD_CLOCK_SECONDS) return "Its clock and ours agree.";
  const way = offset > 0 ? "ahead of" : "behind";
  return `Its clock is ${duration(size * 1_000)} ${way} ours: check ours, since signatures hold the time.`;
}

function sentence(text: string): string {
  // Only a plain word: an address or a name stays as it is.
  const start = text.replace(
    /^[a-z]+(?=\s)/,
    (word) => word.charAt(0).toUpperCase() + word.slice(1),
  );
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

export const VERIFICATION_WORDS: Record<Schemas["VerificationStatus"], Word> = {
  verified: { label: "Verified", meaning: "May be sent as, and to.", color: "green" },
  pending: {
    label: "Waits for a click",
    meaning: "The provider sent its mail; the link in it was not opened yet.",
    color: "blue",
  },
  failed: { label: "Failed", meaning: "The provider gave up. Ask again.", color: "red" },
  not_asked: { label: "Not asked", meaning: "The provider does not know it.", color: "gray" },
  unavailable: {
    label: "Cannot tell",
    meaning: "The provider could not be asked.",
    color: "orange",
  },
};

/** Routes on which no other provider is asked, so that mail waits when this one is paused. */
export function routesWithoutOther(
  name: string,
  routes: readonly Route[],
  providers: readonly Provider[],
): string[] {
  const isAsked = new Set(providers.filter(({ state }) => state === "up").map((it) => it.name));
  return routes
    .filter((route) => route.providers.includes(name))
    .filter((route) => !route.providers.some((other) => other !== name && isAsked.has(other)))
    .map((route) => route.name);
}
