// What the message list asks for.
//
// The list itself is no query that live events make old: it may be hundreds of pages long. Two
// small ones beside it are: the newest page, and the pages on the screen. What they bring is put
// into the list.

import {
  type QueryKey,
  useInfiniteQuery,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { answer, api } from "../../api/client";
import { isPassing } from "../../api/problem";
import { every, KEYS } from "../../api/queries";
import { useMay } from "../../api/session";
import {
  type Cursor,
  type List,
  newerThan,
  PAGE_SIZE,
  type Page,
  refreshed,
  rowsOf,
  withNewest,
} from "./list";
import { type Known, STATUS_VALUES } from "./search-line";
import { askForPage } from "./walk";

const SPARE_ROWS = 10;
const MOST_ROWS = 200;
const NOBODY = { rows: [], hasGap: false };

const listKey = (q: string) => ["message-list", q] as const;

export function useMessageList(q: string) {
  const queries = useQueryClient();
  const query = useInfiniteQuery<Page, Error, List, QueryKey, Cursor>({
    queryKey: listKey(q),
    queryFn: ({ pageParam, signal }) => askForPage(q, pageParam, PAGE_SIZE, signal),
    initialPageParam: null,
    getNextPageParam: (last) => last.next_cursor,
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    refetchOnMount: false,
    refetchOnWindowFocus: false,
    // Once there is a list, asking for all of it again would be hundreds of calls.
    refetchInterval: ({ state }) => (!state.data && isPassing(state.error) ? 3_000 : false),
  });
  const list = query.data;
  const put = usePut(q);
  const head = useQuery({
    queryKey: [KEYS.messages, q, "newest"],
    queryFn: async ({ signal }) => {
      const page = await askForPage(q, null, PAGE_SIZE, signal);
      put((known) => refreshed(known, 0, page));
      return page;
    },
    enabled: list !== undefined,
  }).data;
  const newer = useMemo(() => (list && head ? newerThan(list, head) : NOBODY), [list, head]);
  const showNewer = useCallback(() => {
    if (head) put((known) => withNewest(known, head));
  }, [head, put]);
  const again = useCallback(() => {
    queries.removeQueries({ queryKey: [KEYS.messages, q] });
    return queries.resetQueries({ queryKey: listKey(q) });
  }, [queries, q]);
  return {
    list,
    rows: useMemo(() => (list ? rowsOf(list) : []), [list]),
    newer,
    showNewer,
    again,
    query,
  };
}

/** Keep the pages on the screen true; the first is looked after by the list itself. */
export function useFreshPages(q: string, list: List | undefined, numbers: readonly number[]): void {
  const put = usePut(q);
  useQueries({
    queries: numbers.flatMap((number) => {
      const cursor = list?.pageParams[number];
      const size = list?.pages[number]?.data.length ?? 0;
      if (number === 0 || !cursor) return [];
      return {
        queryKey: [KEYS.messages, q, "page", cursor],
        staleTime: 10_000,
        queryFn: async ({ signal }: { signal: AbortSignal }) => {
          const limit = Math.min(size + SPARE_ROWS, MOST_ROWS);
          const page = await askForPage(q, cursor, limit, signal);
          put((known) => refreshed(known, known.pageParams.indexOf(cursor), page));
          return page.data.length;
        },
      };
    }),
  });
}

function usePut(q: string) {
  const queries = useQueryClient();
  return useCallback(
    (change: (list: List) => List) => {
      queries.setQueryData<List>(listKey(q), (list) => (list ? change(list) : list));
    },
    [queries, q],
  );
}

/** Values that can be suggested: states, providers, tags that are on the screen, keys. */
export function useKnownValues(list: List | undefined): Known {
  const providers = useQuery({
    queryKey: [KEYS.providers, "names"],
    queryFn: ({ signal }) => answer(api().GET("/v1/providers", { signal })),
    staleTime: 60_000,
  }).data;
  const keys = useQuery({
    queryKey: [KEYS.keys, "names"],
    queryFn: ({ signal }) => answer(api().GET("/v1/keys", { signal })),
    enabled: useMay("manage"),
    staleTime: 60_000,
  }).data;
  const first = list?.pages[0];
  return useMemo(() => {
    const tags = new Set(first?.data.flatMap((row) => row.tags));
    return {
      status: STATUS_VALUES,
      provider: (providers?.data ?? []).map(({ name, kind }) => ({
        value: name,
        meaning: kind,
      })),
      tag: [...tags].sort().map((value) => ({ value, meaning: "A tag of the messages below" })),
      key: (keys?.data ?? []).map(({ id, name }) => ({
        value: id,
        meaning: name,
      })),
      since: daysBack().map(([value, meaning]) => ({ value, meaning })),
      until: daysBack().map(([value, meaning]) => ({ value, meaning })),
    };
  }, [first, providers, keys]);
}

function daysBack(): [string, string][] {
  const day = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  return [
    [day(0), "Today"],
    [day(1), "Yesterday"],
    [day(7), "A week ago"],
    [day(30), "30 days ago"],
  ];
}

/** How many wait, by the word of a quick filter; asked by those that show it. */
export function useWaiting() {
  return useQuery({
    queryKey: [KEYS.stats, "waiting"],
    queryFn: ({ signal }) =>
      answer(api().GET("/v1/stats", { params: { query: { period: "1h" } }, signal })),
    refetchInterval: every(15_000),
    select: ({ queue }) => queue,
  });
}
