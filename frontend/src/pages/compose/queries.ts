// What the page asks and does: a dry run as you type, sending.

import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answer, api, problemOf } from "../../api/client";
import { KEYS } from "../../api/queries";
import type { Sent } from "./answers";
import { type Draft, headersOf, requestOf } from "./draft";

const PAUSE_MS = 500;
const LONG_PAUSE_MS = 3_000;
const MUCH_BYTES = 1024 ** 2;

/**
 * A dry run of the draft, once the writer pauses. What changes at the providers changes it too.
 *
 * Files go along each time, since their size decides who can take the mail; with large ones it
 * waits longer. They stand in the query's key by their id only.
 */
export function useExplanation(draft: Draft) {
  const size = draft.files.reduce((sum, file) => sum + file.size, 0);
  const [settled] = useDebouncedValue(draft, size > MUCH_BYTES ? LONG_PAUSE_MS : PAUSE_MS);
  const body = requestOf(settled);
  const files = settled.files.map((file) => ({ ...file, content: "" }));
  return useQuery({
    queryKey: [KEYS.providers, "explain", { ...body, attachments: null }, files],
    queryFn: ({ signal }) => answer(api().POST("/v1/explain", { body, signal })),
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
}

/**
 * Send it.
 *
 * Throws `ApiProblem`, also for a sync mail that was not sent (`messageIn` has its message), and
 * `Unreachable`.
 */
export async function send(draft: Draft): Promise<Sent> {
  const { data, error, response } = await api().POST("/v1/messages", {
    body: requestOf(draft),
    params: { header: headersOf(draft) },
  });
  if (!response.ok || !data) throw problemOf(response, error);
  const isReplayed = response.headers.get("Idempotency-Replayed") === "true";
  return { message: data, status: response.status, isReplayed };
}
