// Which mails took another way than planned, read from the attempts of the newest messages: the
// API counts no failovers, so neither does this page beyond what it was shown.

import type { Attempt, Message } from "../api/types";

/** How many messages are looked at: what fits into one page of the API. */
export const NEWEST = 200;

export interface Detour {
  from: string;
  /** Null while no other provider has taken it. */
  to: string | null;
  /** Of the newest, by the clock of the last attempt. */
  at: string;
  /** The provider's own words, or why it was passed over, of the newest. */
  why: string;
  /** The ids of the messages, newest first. */
  messages: string[];
}

/** Detours of the same way as one, newest first. */
export function detoursIn(messages: readonly Message[]): Detour[] {
  const byWay = new Map<string, Detour>();
  for (const message of messages) {
    for (const { from, to, at, why } of detoursOf(message)) {
      const way = `${from} ${to ?? ""}`;
      const known = byWay.get(way);
      if (!known) byWay.set(way, { from, to, at, why, messages: [message.id] });
      else {
        known.messages.push(message.id);
        if (at > known.at) Object.assign(known, { at, why });
      }
    }
  }
  return [...byWay.values()].sort((a, b) => (a.at < b.at ? 1 : -1));
}

type One = Omit<Detour, "messages">;

/** One for each provider that did not take it before the one that did, or that still waits. */
function detoursOf({ attempts, provider }: Message): One[] {
  const from = new Map<string, Attempt>();
  for (const attempt of attempts) {
    if (attempt.provider !== provider && isReasonFor(attempt, provider)) {
      from.set(attempt.provider, attempt);
    }
  }
  return [...from.values()].map((attempt) => ({
    from: attempt.provider,
    to: provider,
    at: attempt.started_at,
    why: attempt.detail,
  }));
}

/**
 * Whether another was, or will be, asked for it: a bad address or a bad mail is nobody's detour, and
 * after an unknown outcome the mail waits, unless its sender chose otherwise.
 */
function isReasonFor({ outcome, blame }: Attempt, takenBy: string | null): boolean {
  if (outcome === "skipped") return true;
  if (outcome === "unknown") return takenBy !== null;
  return (outcome === "deferred" || outcome === "refused") && blame === "provider";
}
