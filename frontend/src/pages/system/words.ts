// What the gateway says of itself, in words. Pure.

import type { components } from "../../api/schema";
import type { Queue } from "../../parts/queue";

type Schemas = components["schemas"];

export const FEATURE_WORDS: Record<Schemas["Feature"], { label: string; meaning: string }> = {
  default_sender: {
    label: "Default sender",
    meaning: "A message may leave out its sender.",
  },
  imitated_providers: {
    label: "Imitated providers",
    meaning:
      "Mail goes to imitations on this machine, which fail on command. Nothing is delivered.",
  },
  rate_limit: {
    label: "Rate limit",
    meaning: "Each key may make so many requests a minute; beyond, it is told to wait.",
  },
  public_metrics: {
    label: "Public metrics",
    meaning: "Prometheus reads the figures without a key.",
  },
};

/** A feature that this page does not know yet is shown as the API wrote it. */
export function featureWords(feature: string): { label: string; meaning: string } {
  const known: Record<string, { label: string; meaning: string } | undefined> = FEATURE_WORDS;
  return known[feature] ?? { label: feature, meaning: "" };
}

export const STORE_WORDS: Readonly<Record<string, string>> = {
  sqlite: "SQLite, one file on this machine",
  postgresql: "PostgreSQL",
  memory: "Memory only: gone when the process ends",
};

export interface Lane {
  name: string;
  due: number;
  later: number;
}

/** High, normal, low first, as the API asks them; then lanes that this page does not know. */
export function lanesOf({ due, later }: Queue): Lane[] {
  const names = new Set(["high", "normal", "low", ...Object.keys(due), ...Object.keys(later)]);
  return [...names].map((name) => ({ name, due: due[name] ?? 0, later: later[name] ?? 0 }));
}
