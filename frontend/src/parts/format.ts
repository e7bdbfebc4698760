// Numbers, sizes and times as people read them, in the reader's own language and zone.

const COUNT = new Intl.NumberFormat();
const SHORT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

const NOTHING = "–";

export function count(value: number): string {
  return COUNT.format(value);
}

/** 12,345 as `12.3K`: for tiles and axes. */
export function shortCount(value: number): string {
  return value < 10_000 ? COUNT.format(value) : SHORT.format(value);
}

/** A share from 0 to 1. */
export function percent(share: number | null): string {
  return share === null ? NOTHING : PERCENT.format(share);
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  for (const [unit, limit] of [
    ["KB", 1024 ** 2],
    ["MB", 1024 ** 3],
  ] as const) {
    if (size < limit)
      return `${(size / (limit / 1024)).toFixed(size < (limit / 1024) * 10 ? 1 : 0)} ${unit}`;
  }
  return `${(size / 1024 ** 3).toFixed(1)} GB`;
}

/** Milliseconds as `12 ms`, `3.4 s`, `5 min`, `2 h`, `3 d`. */
export function duration(ms: number | null): string {
  if (ms === null) return NOTHING;
  if (ms < 1) return "<1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["second", 60],
  ["minute", 3_600],
  ["hour", 86_400],
  ["day", 7 * 86_400],
];

/** `3 min ago`, `in 2 hr.`; beyond a week the date itself. */
export function relative(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1_000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  let below = 1;
  for (const [unit, limit] of STEPS) {
    if (size < limit) return RELATIVE.format(Math.trunc(seconds / below), unit);
    below = limit === 7 * 86_400 ? below : limit;
  }
  return DATE.format(at);
}

/** The whole truth, for a tooltip: day, date, time to the second, zone. */
export function exact(at: Date): string {
  return EXACT.format(at);
}

export function dateAndTime(at: Date): string {
  return DATE.format(at);
}
