// Webhooks: list, make, change, try, and what was delivered.

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { every, KEYS } from "../../api/queries";
import type { components } from "../../api/schema";
import type { DeliveryState } from "./words";

type Schemas = components["schemas"];
export type WithSecret = Schemas["WebhookWithSecret"];
export type Patch = Schemas["WebhookPatch"];
export type ReplayWish = Pick<Schemas["WebhookReplay"], "since" | "delivered">;

const at = (id: string) => ({ params: { path: { id } } });

export function useDeliveries(id: string, state: DeliveryState | null) {
  return useInfiniteQuery({
    queryKey: [KEYS.webhooks, id, "deliveries", state],
    queryFn: ({ pageParam, signal }) =>
      answer(
        api().GET("/v1/webhooks/{id}/deliveries", {
          params: {
            path: { id },
            query: { limit: 25, ...(state && { state }), ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: ({ next_cursor }) => next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: every(3_000),
  });
}

/** One delivery as it stands by now; `first` is how the list knew it. */
export function useDelivery(first: Schemas["DeliveryOut"]) {
  const { id: delivery, webhook_id: id } = first;
  return useQuery({
    queryKey: [KEYS.webhooks, id, "delivery", delivery],
    queryFn: ({ signal }) =>
      answer(
        api().GET("/v1/webhooks/{id}/deliveries/{delivery}", {
          params: { path: { id, delivery } },
          signal,
        }),
      ),
    initialData: first,
    refetchInterval: every(2_000),
  });
}

export function useApiKeys(isWanted: boolean) {
  return useQuery({
    queryKey: [KEYS.keys],
    queryFn: ({ signal }) => answer(api().GET("/v1/keys", { signal })),
    enabled: isWanted,
  });
}

/** A change of one of them, after which all are asked for again. */
export function useChange<V, R>(change: (value: V) => Promise<R>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => queries.invalidateQueries({ queryKey: [KEYS.webhooks] }),
  });
}

export function createWebhook(body: Schemas["NewWebhook"]): Promise<WithSecret> {
  return answer(api().POST("/v1/webhooks", { body }));
}

export function changeWebhook(id: string, body: Patch) {
  return answer(api().PATCH("/v1/webhooks/{id}", { ...at(id), body }));
}

export async function deleteWebhook(id: string): Promise<void> {
  await answer(api().DELETE("/v1/webhooks/{id}", at(id)));
}

export function rotateSecret(id: string, overlap: number): Promise<WithSecret> {
  return answer(api().POST("/v1/webhooks/{id}/rotate", { ...at(id), body: { overlap } }));
}

export function testWebhook(id: string) {
  return answer(api().POST("/v1/webhooks/{id}/test", at(id)));
}

export function replayDelivery(id: string, delivery: string) {
  return answer(
    api().POST("/v1/webhooks/{id}/deliveries/{delivery}/replay", {
      params: { path: { id, delivery } },
    }),
  );
}

/** Replays a period, or counts it; the API does it page by page. Returns how many deliveries. */
export async function replayPeriod(
  id: string,
  wish: ReplayWish,
  isDryRun: boolean,
): Promise<number> {
  let total = 0;
  let cursor: string | null = null;
  do {
    const body: Schemas["WebhookReplay"] = { ...wish, event_types: [], dry_run: isDryRun, cursor };
    const done: Schemas["ReplayedOut"] = await answer(
      api().POST("/v1/webhooks/{id}/replay", { ...at(id), body }),
    );
    total += done.count;
    cursor = done.next_cursor;
  } while (cursor !== null);
  return total;
}
