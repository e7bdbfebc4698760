// An explanation of a dry run in one sentence, and what each provider's place in it means.

import type { Explanation } from "../api/types";

export type ExplainedProvider = Explanation["providers"][number];

export type Standing = "first" | "backup" | "blocked" | "unable";

export interface Verdict {
  tone: "good" | "warning" | "bad";
  title: string;
  detail: string;
}

/** What would happen to the message, for people who read one line only. */
export function verdictOf({ providers, has_backup, on_unknown }: Explanation): Verdict {
  const [first, ...others] = providers.filter((it) => it.would_be_asked);
  if (first) {
    const backups = listed(others.map(({ provider }) => provider));
    return {
      tone: has_backup ? "good" : "warning",
      title: `${first.provider} would take it`,
      detail: has_backup
        ? `If it fails, ${backups} ${others.length > 1 ? "stand" : "stands"} ready. ${DOUBT[on_unknown]}`
        : `No backup stands ready: if it fails, the mail waits. ${DOUBT[on_unknown]}`,
    };
  }
  if (providers.every((it) => it.cannot_express !== null)) {
    return {
      tone: "bad",
      title: "No provider of this route can take it",
      detail: "It asks for something that none of them can express. Change it, or the route.",
    };
  }
  return {
    tone: "warning",
    title: "Nobody would take it now",
    detail: "It would be stored and wait until a provider is asked again.",
  };
}

const DOUBT: Record<Explanation["on_unknown"], string> = {
  wait: "If nobody knows whether a provider took it, it waits for evidence.",
  risk_duplicate:
    "If nobody knows whether a provider took it, the next one is asked: it may arrive twice.",
};

export function standingOf(provider: ExplainedProvider, first: string | undefined): Standing {
  if (provider.cannot_express !== null) return "unable";
  if (!provider.would_be_asked) return "blocked";
  return provider.provider === first ? "first" : "backup";
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
