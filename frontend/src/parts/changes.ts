// What an event about a provider says. Its `data` is open in the API, so it is read with care.

import type { Happening, Provider } from "../api/types";

export interface Change {
  id: string;
  at: string;
  provider: string;
  /** Whether it went out of service, as against came back. */
  isLoss: boolean;
  reason: string;
}

/** Changes of all providers, newest first. */
export function changesOf(providers: readonly Provider[]): Change[] {
  return providers
    .flatMap(({ changes }) => changes.map(changeOf))
    .sort((a, b) => (a.at < b.at ? 1 : -1));
}

export function changeOf({ id, at, type, data }: Happening): Change {
  return {
    id,
    at,
    provider: textOf(data.provider),
    isLoss: type === "provider.degraded",
    reason: textOf(data.reason),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
