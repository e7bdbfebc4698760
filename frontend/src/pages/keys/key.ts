// What a key is worth now, and what a new one shall be.

import type { components } from "../../api/schema";
import type { Identity } from "../../api/session";
import type { Scope } from "../../api/types";
import type { Word } from "../../parts/words";

export type Key = Identity;
export type NewKey = components["schemas"]["NewKey"];

export type KeyState = "good" | "expired" | "revoked";

export function stateOf(key: Key, now: Date): KeyState {
  if (key.revoked_at) return "revoked";
  return key.expires_at && new Date(key.expires_at) <= now ? "expired" : "good";
}

export const STATE_WORDS: Record<KeyState, Word> = {
  good: { label: "Good", meaning: "It is accepted.", color: "green" },
  expired: { label: "Expired", meaning: "Its time is over; it is not accepted.", color: "gray" },
  revoked: { label: "Revoked", meaning: "It was taken back; it is not accepted.", color: "red" },
};

export const SCOPES: readonly (readonly [Scope, string])[] = [
  ["send", "Submit mail, and ask where it would go."],
  ["read", "Status, lists and statistics, but no bodies."],
  ["content", "Bodies and attachments of messages."],
  ["manage", "Everything that changes something: retries, providers, suppressions, keys."],
];

/** How long a new key lives, in days; 0: until it is revoked. */
export const LIFETIMES: readonly (readonly [number, string])[] = [
  [0, "Until it is revoked"],
  [1, "1 day"],
  [7, "7 days"],
  [30, "30 days"],
  [90, "90 days"],
  [365, "1 year"],
];

export interface Wish {
  name: string;
  scopes: Scope[];
  mode: Key["mode"];
  senderDomains: string[];
  networks: string[];
  days: number;
}

/** What the form begins with: never more than the key of the reader may give. */
export function firstWish(own: Key | null): Wish {
  return {
    name: "",
    scopes: ["send", "read"],
    mode: own?.mode ?? "live",
    senderDomains: own?.sender_domains ?? [],
    networks: own?.networks ?? [],
    days: 0,
  };
}

export function requestOf(wish: Wish, now: Date): NewKey {
  const { name, scopes, mode, senderDomains, networks, days } = wish;
  const expires = new Date(now.getTime() + days * 86_400_000);
  return {
    name: name.trim(),
    // In the order in which the page shows them, whatever was ticked first.
    scopes: SCOPES.map(([scope]) => scope).filter((scope) => scopes.includes(scope)),
    mode,
    sender_domains: senderDomains,
    networks,
    expires_at: days === 0 ? null : expires.toISOString(),
  };
}

/** Good ones before the others, newest first. */
export function inOrder(keys: readonly Key[], now: Date): Key[] {
  const rank = (key: Key) => (stateOf(key, now) === "good" ? 0 : 1);
  return [...keys].sort(
    (a, b) => rank(a) - rank(b) || Date.parse(b.created_at) - Date.parse(a.created_at),
  );
}
