// The suppression list: search, add, remove, files.

import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { every, KEYS } from "../../api/queries";
import type { components } from "../../api/schema";
import type { Reason, SuppressionsSearch } from "./search";
import {
  type AddedResult,
  chunks,
  MOST_AT_ONCE,
  type NewSuppression,
  type Tally,
  tallyOf,
} from "./suppression";

export type Imported = components["schemas"]["Imported"];

export function useSuppressions(filters: SuppressionsSearch) {
  return useInfiniteQuery({
    queryKey: [KEYS.suppressions, filters],
    queryFn: ({ pageParam, signal }) =>
      answer(
        api().GET("/v1/suppressions", {
          params: { query: { ...filters, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: ({ next_cursor }) => next_cursor,
    placeholderData: keepPreviousData,
    // Bounces and complaints put entries here, from other nodes as well.
    refetchInterval: every(15_000),
  });
}

/** Adds them all; throws when a call fails, and then a part of them may stand. */
export async function addSuppressions(entries: readonly NewSuppression[]): Promise<Tally> {
  const results: AddedResult[] = [];
  for (const suppressions of chunks(entries, MOST_AT_ONCE)) {
    const added = await answer(api().POST("/v1/suppressions", { body: { suppressions } }));
    // Of many, the answer is a list; the type holds the answer for one as well.
    if ("data" in added) results.push(...added.data);
  }
  return tallyOf(
    entries.map(({ address }) => address),
    results,
  );
}

export async function removeSuppression(address: string): Promise<void> {
  await answer(api().DELETE("/v1/suppressions/{address}", { params: { path: { address } } }));
}

export async function importCsv(file: File, reason: Reason): Promise<Imported> {
  return answer(
    api().POST("/v1/suppressions/import", {
      params: { query: { reason } },
      body: await file.text(),
      bodySerializer: (text) => text,
      headers: { "Content-Type": "text/csv; charset=utf-8" },
    }),
  );
}

export async function exportCsv(filters: SuppressionsSearch): Promise<Blob> {
  return answer(
    api().GET("/v1/suppressions/export", { params: { query: filters }, parseAs: "blob" }),
  );
}
