// The period that figures are counted over. It stands in the page's address, so that a look at a
// bad night can be sent to a colleague.

import type { Period } from "../api/types";

export interface PeriodSearch {
  period?: Period;
}

export const USUAL_PERIOD: Period = "24h";

export const PERIODS = ["1h", "24h", "7d", "30d"] as const satisfies readonly Period[];

/** How each is said in a sentence: "in the last 24 hours". */
export const PERIOD_WORDS: Record<Period, string> = {
  "1h": "hour",
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
};

export function readPeriodSearch(raw: Record<string, unknown>): PeriodSearch {
  const period = PERIODS.find((known) => known === raw.period);
  return period ? { period } : {};
}

/** A search word of the message list, such as `since:2026-03-01T12:00:00Z`. */
export function since(start: string): string {
  return `since:${toTheSecond(start)}`;
}

export function until(end: string): string {
  return `until:${toTheSecond(end)}`;
}

/** Fractions of a second would only make the line hard to read. Rounds down. */
function toTheSecond(at: string): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
