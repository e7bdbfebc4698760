// What the page of one message asks for, and what it can do.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { KEYS } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Happening, Message } from "../../api/types";
import { notifyDone, notifyProblem } from "../../parts/notify";

const MOST_EVENTS = 200;
const MOST_PAGES = 10;

const path = (id: string) => ({ params: { path: { id } } });

export function useMessage(id: string) {
  return useQuery({
    queryKey: [KEYS.message, id],
    queryFn: ({ signal }) => answer(api().GET("/v1/messages/{id}", { ...path(id), signal })),
  });
}

export function useHappenings(id: string) {
  return useQuery({
    queryKey: [KEYS.message, id, "events"],
    queryFn: ({ signal }) => happenings(id, signal),
  });
}

async function happenings(id: string, signal: AbortSignal): Promise<Happening[]> {
  const all: Happening[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query: { limit: number; cursor?: string } = { limit: MOST_EVENTS };
    if (cursor) query.cursor = cursor;
    const params = { path: { id }, query };
    const found = await answer(api().GET("/v1/messages/{id}/events", { params, signal }));
    all.push(...found.data);
    cursor = found.next_cursor;
    if (cursor === null) break;
  }
  return all;
}

/**
 * Bodies and files. They never change and may be large, so that what happens to mail must not
 * make them old: their key is none of `KEYS`.
 */
export function useContent(id: string) {
  return useQuery({
    queryKey: ["message-content", id],
    queryFn: ({ signal }) =>
      answer(api().GET("/v1/messages/{id}/content", { ...path(id), signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    enabled: useMay("content"),
  });
}

/** What each provider is, by name: its kind, and how an unknown outcome there is settled. */
export function useProviders() {
  return useQuery({
    queryKey: [KEYS.providers, "names"],
    queryFn: ({ signal }) => answer(api().GET("/v1/providers", { signal })),
    staleTime: 60_000,
    select: ({ data }) =>
      new Map(
        data.map((each) => [each.name, { kind: each.kind, capabilities: each.capabilities }]),
      ),
  });
}

export type Providers = NonNullable<ReturnType<typeof useProviders>["data"]>;

export interface Action {
  name: "retry" | "cancel" | "release" | "reschedule";
  risksDuplicate?: boolean;
  sendAt?: Date;
}

const DONE: Record<Action["name"], string> = {
  retry: "It is tried again now.",
  cancel: "It is cancelled.",
  release: "It is released.",
  reschedule: "Its time is changed.",
};

/** Does something with the message; tells how it went, and shows the new state at once. */
export function useAction(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (action: Action) => act(id, action),
    onSuccess: (message, { name }) => {
      queries.setQueryData([KEYS.message, id], message);
      notifyDone(DONE[name]);
    },
    onError: (error) => notifyProblem(error, "That was not done"),
    onSettled: () =>
      Promise.all(
        [[KEYS.message, id], [KEYS.messages], [KEYS.stats]].map((queryKey) =>
          queries.invalidateQueries({ queryKey }),
        ),
      ),
  });
}

function act(id: string, action: Action): Promise<Message> {
  switch (action.name) {
    case "retry": {
      const body = { risk_duplicate: action.risksDuplicate ?? false };
      return answer(api().POST("/v1/messages/{id}/retry", { ...path(id), body }));
    }
    case "cancel":
      return answer(api().POST("/v1/messages/{id}/cancel", path(id)));
    case "release":
      return answer(api().POST("/v1/messages/{id}/release", path(id)));
    case "reschedule": {
      const body = { send_at: (action.sendAt ?? new Date()).toISOString() };
      return answer(api().PATCH("/v1/messages/{id}", { ...path(id), body }));
    }
  }
}
