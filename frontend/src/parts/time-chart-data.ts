// A series over time as the chart and its table show it. Pure.

import { count } from "./format";

export interface Line {
  key: string;
  label: string;
  /** A CSS colour, readable on both colour schemes. */
  color: string;
}

export interface Step {
  start: string;
  values: Readonly<Record<string, number>>;
}

/** Only lines that have something to show: a legend of zeros hides what matters. */
export function linesWithData(lines: readonly Line[], steps: readonly Step[]): Line[] {
  return lines.filter(({ key }) => steps.some(({ values }) => (values[key] ?? 0) > 0));
}

/** Rows for the chart: one flat object for each step. */
export function rowsOf(steps: readonly Step[], lines: readonly Line[]): Record<string, unknown>[] {
  const label = labelsFor(steps);
  return steps.map(({ start, values }) => ({
    at: label(start),
    ...Object.fromEntries(lines.map(({ key }) => [key, values[key] ?? 0])),
  }));
}

/** Steps in which something happened, newest first, each with its end. */
export function stepsWithData(
  steps: readonly Step[],
  lines: readonly Line[],
): (Step & { end: string })[] {
  const length = stepMs(steps);
  return steps
    .filter(({ values }) => lines.some(({ key }) => (values[key] ?? 0) > 0))
    .map((step) => ({ ...step, end: new Date(Date.parse(step.start) + length).toISOString() }))
    .reverse();
}

/** All of it in one sentence, for those who do not see the picture. */
export function summaryOf(steps: readonly Step[], lines: readonly Line[]): string {
  const totals = lines.map(({ key, label }) => {
    const total = steps.reduce((sum, { values }) => sum + (values[key] ?? 0), 0);
    return `${label} ${count(total)}`;
  });
  return `In all: ${totals.join(", ")}.`;
}

/** How long one step is, in words: "1 min", "30 min", "3 h", "12 h". */
export function stepWords(steps: readonly Step[]): string {
  const minutes = Math.round(stepMs(steps) / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function stepMs(steps: readonly Step[]): number {
  const [first, second] = steps;
  return first && second ? Date.parse(second.start) - Date.parse(first.start) : 0;
}

/** Times of the day within two days, days beyond. */
export function labelsFor(steps: readonly Step[]): (start: string) => string {
  const spanMs = stepMs(steps) * steps.length;
  const format = new Intl.DateTimeFormat(undefined, formatFor(spanMs / 86_400_000));
  return (start) => format.format(new Date(start));
}

function formatFor(days: number): Intl.DateTimeFormatOptions {
  if (days <= 2) return { hour: "2-digit", minute: "2-digit" };
  if (days <= 8) return { weekday: "short", hour: "2-digit", minute: "2-digit" };
  return { month: "short", day: "numeric", hour: "2-digit" };
}
