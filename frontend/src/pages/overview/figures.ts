// The figures of a period, each with the search line that lists what it counts. Pure.

import type { Stats } from "../../api/types";
import { count, duration, shortCount } from "../../parts/format";
import { since } from "../../parts/period";
import { WAITING_QUERY, waitingIn } from "../../parts/queue";

export interface Figure {
  label: string;
  value: string;
  hint: string;
  /** Null for a figure that counts no messages. */
  q: string | null;
  tone?: "bad" | "warning";
}

export function figuresOf(stats: Stats): Figure[] {
  const { states, hand_over, queue } = stats;
  const from = since(stats.since);
  const failed = (states.failed ?? 0) + (states.expired ?? 0);
  const unknown = states.unknown ?? 0;
  return [
    { label: "Accepted", value: shortCount(stats.accepted), hint: "from clients", q: from },
    {
      label: "Sent",
      value: shortCount(states.sent ?? 0),
      hint: "taken by a provider",
      q: `status:sent ${from}`,
    },
    {
      label: "Failed",
      value: shortCount(failed),
      hint: "refused or too late",
      q: `status:failed,expired ${from}`,
      ...(failed > 0 && { tone: "bad" as const }),
    },
    {
      label: "Unknown",
      value: shortCount(unknown),
      hint: "nobody knows the outcome",
      q: `status:unknown ${from}`,
      ...(unknown > 0 && { tone: "warning" as const }),
    },
    {
      label: "Waiting now",
      value: shortCount(waitingIn(queue)),
      hint: waitHint(queue),
      q: WAITING_QUERY,
    },
    {
      label: "Hand-over",
      value: duration(hand_over.p50_ms),
      hint:
        hand_over.p99_ms === null
          ? "nothing was handed over"
          : `median; 99% within ${duration(hand_over.p99_ms)}`,
      q: null,
    },
  ];
}

function waitHint({ oldest_due_at, oldest_due_seconds, held }: Stats["queue"]): string {
  if (oldest_due_at) return `oldest due ${duration(oldest_due_seconds * 1_000)} ago`;
  return held > 0 ? `and ${count(held)} held` : "nothing is due";
}
