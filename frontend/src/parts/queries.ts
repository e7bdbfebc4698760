// What several pages ask for.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answer, api } from "../api/client";
import { every, KEYS } from "../api/queries";
import type { Period } from "../api/types";
import { NEWEST } from "./detours";

/** Breakers move on with time and not only with mail, so it looks again by itself. */
export function useProviders() {
  return useQuery({
    queryKey: [KEYS.providers],
    queryFn: async ({ signal }) => (await answer(api().GET("/v1/providers", { signal }))).data,
    refetchInterval: every(5_000),
  });
}

export function useStats(period: Period) {
  return useQuery({
    queryKey: [KEYS.stats, period],
    queryFn: ({ signal }) =>
      answer(api().GET("/v1/stats", { params: { query: { period } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: every(15_000),
  });
}

export function useRoutes() {
  return useQuery({
    queryKey: [KEYS.routes],
    queryFn: async ({ signal }) => (await answer(api().GET("/v1/routes", { signal }))).data,
  });
}

/** The newest messages, to see which of them took another way than planned. */
export function useNewestMessages() {
  return useQuery({
    queryKey: [KEYS.messages, "newest"],
    queryFn: async ({ signal }) => {
      const query = { limit: NEWEST };
      return (await answer(api().GET("/v1/messages", { params: { query }, signal }))).data;
    },
  });
}

/** Where events are sent; the overview says which of them fail. */
export function useWebhooks() {
  return useQuery({
    queryKey: [KEYS.webhooks],
    queryFn: async ({ signal }) => (await answer(api().GET("/v1/webhooks", { signal }))).data,
    refetchInterval: every(5_000),
  });
}
