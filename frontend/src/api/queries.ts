// How the page keeps what it read: asked again when something happened, or when the gateway was
// away and is expected back.

import { QueryClient } from "@tanstack/react-query";
import { isPassing } from "./problem";

const ASK_AGAIN_MS = 3_000;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: false,
        staleTime: 1_000,
        refetchOnWindowFocus: true,
        networkMode: "always",
        refetchInterval: ({ state }) => (isPassing(state.error) ? ASK_AGAIN_MS : false),
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}

/** A `refetchInterval` for figures that change by themselves, in milliseconds. */
export function every(ms: number) {
  return ({ state }: { state: { error: Error | null } }) =>
    isPassing(state.error) ? ASK_AGAIN_MS : ms;
}

/**
 * The first word of each query's key. What happens to mail makes all but the last group old.
 * Further words narrow it: `[KEYS.messages, filters]`.
 */
export const KEYS = {
  messages: "messages",
  message: "message",
  stats: "stats",
  providers: "providers",
  events: "events",
  inbox: "inbox",
  routes: "routes",
  suppressions: "suppressions",
  keys: "keys",
  system: "system",
  webhooks: "webhooks",
  faults: "faults",
} as const;

export const MOVED_BY_MAIL: readonly string[] = [
  KEYS.messages,
  KEYS.message,
  KEYS.stats,
  KEYS.providers,
  KEYS.events,
  KEYS.inbox,
];
