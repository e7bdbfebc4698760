import type { Stats } from "../../api/types";
import type { Line, Step } from "../../parts/time-chart-data";

/** What a provider answered, in the words of `OUTCOME_WORDS`. */
export const CALL_LINES: readonly Line[] = [
  { key: "accepted", label: "Accepted", color: "var(--series-good)" },
  { key: "deferred", label: "Failed for now", color: "var(--series-waiting)" },
  { key: "unknown", label: "Unknown", color: "var(--series-doubt)" },
  { key: "refused", label: "Refused", color: "var(--series-bad)" },
];

export function callSteps({ series }: Stats, provider: string): Step[] {
  return series.map(({ start, providers }) => ({ start, values: providers[provider] ?? {} }));
}

/** Calls that did not end well, of all; null without calls. */
export function errorShare(outcomes: Readonly<Record<string, number>>): number | null {
  const calls = callsIn(outcomes);
  return calls > 0 ? 1 - (outcomes.accepted ?? 0) / calls : null;
}

export function callsIn(outcomes: Readonly<Record<string, number>>): number {
  return Object.values(outcomes).reduce((sum, number) => sum + number, 0);
}
