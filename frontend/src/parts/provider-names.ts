// Which providers are worth a line where room is short.

import type { Provider } from "../api/types";

/** In the order of the configuration, but what nobody uses comes last. */
export function usedFirst(providers: readonly Provider[]): Provider[] {
  const used = inUse(providers);
  return [...used, ...providers.filter((provider) => !used.includes(provider))];
}

/** All but the built-in one for test keys as long as nobody has used it. */
export function inUse(providers: readonly Provider[]): Provider[] {
  return providers.filter(
    ({ routes, last_24h }) =>
      routes.some((route) => route !== "test") || Object.keys(last_24h.outcomes).length > 0,
  );
}
