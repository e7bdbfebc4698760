// The series of a period as lines of the two charts. Pure.

import type { Stats } from "../../api/types";
import type { Line, Step } from "../../parts/time-chart-data";

export const OUTCOME_LINES: readonly Line[] = [
  { key: "sent", label: "Sent", color: "var(--series-good)" },
  { key: "waiting", label: "Waiting", color: "var(--series-waiting)" },
  { key: "unknown", label: "Unknown", color: "var(--series-doubt)" },
  { key: "failed", label: "Failed", color: "var(--series-bad)" },
  { key: "withdrawn", label: "Not sent", color: "var(--series-void)" },
];

const LINE_OF: Readonly<Record<string, string>> = {
  sent: "sent",
  unknown: "unknown",
  failed: "failed",
  expired: "failed",
  cancelled: "withdrawn",
  suppressed: "withdrawn",
};

/** What became of the messages that were accepted in each step. */
export function outcomeSteps({ series }: Stats): Step[] {
  return series.map(({ start, states }) => {
    const values: Record<string, number> = {};
    for (const [state, number] of Object.entries(states)) {
      const line = LINE_OF[state] ?? "waiting";
      values[line] = (values[line] ?? 0) + number;
    }
    return { start, values };
  });
}

const COLORS = 6;

/**
 * One line for each provider, in the order of the configuration, so that colours stay; then those
 * that have calls in the period and are configured no more.
 */
export function providerLines(configured: readonly string[], { providers }: Stats): Line[] {
  const names = new Set([...configured, ...providers.map(({ provider }) => provider)]);
  return [...names].map((name, place) => ({
    key: name,
    label: name,
    color: `var(--series-${(place % COLORS) + 1})`,
  }));
}

/** How many calls each provider accepted in each step. */
export function providerSteps({ series }: Stats): Step[] {
  return series.map(({ start, providers }) => ({
    start,
    values: Object.fromEntries(
      Object.entries(providers).map(([name, outcomes]) => [name, outcomes.accepted ?? 0]),
    ),
  }));
}
