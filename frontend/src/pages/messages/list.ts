// The loaded part of the message list, and how it stays true without jumping. Pure.
//
// Messages never change places (newest first, by acceptance), so a cursor always stands for the
// same place: a page can be asked for again, and what came in since the list was begun stands
// above its first row until the reader wants it.

import type { InfiniteData } from "@tanstack/react-query";
import type { components } from "../../api/schema";
import type { Message } from "../../api/types";

export type Page = components["schemas"]["MessagePage"];
export type Cursor = string | null;
/** Each page's `next_cursor` is the cursor (`pageParams`) of the page that follows. */
export type List = InfiniteData<Page, Cursor>;

export const PAGE_SIZE = 100;
const PAGES_KEPT = 10;
/** How many pages one that is asked for again can reach into. */
const NEAR = 4;

export function rowsOf(list: List): Message[] {
  const seen = new Set<string>();
  const rows: Message[] = [];
  for (const { data } of list.pages) {
    for (const row of data) {
      if (seen.has(row.id)) continue;
      seen.add(row.id);
      rows.push(row);
    }
  }
  return rows;
}

/** Which page holds the row at this index. */
export function pageAt(list: List, index: number): number {
  let left = index;
  for (const [number, { data }] of list.pages.entries()) {
    if (left < data.length) return number;
    left -= data.length;
  }
  return Math.max(list.pages.length - 1, 0);
}

export interface Newer {
  rows: Message[];
  /** Whether even more came than a page holds, so that the list has to begin anew. */
  hasGap: boolean;
}

/** What stands above the first row that is shown. */
export function newerThan(list: List, head: Page): Newer {
  const shown = rowsOf({ pages: list.pages.slice(0, NEAR), pageParams: [] });
  const known = new Set(shown.map(({ id }) => id));
  const first = head.data.findIndex(({ id }) => known.has(id));
  if (first >= 0) return { rows: head.data.slice(0, first), hasGap: false };
  const top = shown[0];
  const rows = top ? head.data.filter((row) => row.created_at > top.created_at) : head.data;
  return {
    rows,
    hasGap: rows.length === head.data.length && head.next_cursor !== null,
  };
}

/** The list with the newest page on top; long lists that nobody scrolls are cut at the end. */
export function withNewest(list: List, head: Page): List {
  const { hasGap } = newerThan(list, head);
  if (hasGap || head.next_cursor === null) return { pages: [head], pageParams: [null] };
  const rest: List = {
    pages: [...list.pages],
    pageParams: [...list.pageParams],
  };
  const first = rest.pages.shift();
  rest.pageParams.shift();
  const shown = new Set(head.data.map(({ id }) => id));
  const left = (first?.data ?? []).filter(({ id }) => !shown.has(id));
  const second = rest.pages[0];
  if (second && left.length + second.data.length <= 2 * PAGE_SIZE) {
    const data = [...left, ...second.data.filter(({ id }) => !shown.has(id))];
    rest.pages[0] = { data, next_cursor: second.next_cursor };
    rest.pageParams[0] = head.next_cursor;
  } else if (left.length > 0) {
    rest.pages.unshift({ data: left, next_cursor: first?.next_cursor ?? null });
    rest.pageParams.unshift(head.next_cursor);
  } else if (second) {
    rest.pageParams[0] = head.next_cursor;
  }
  return {
    pages: [head, ...rest.pages].slice(0, PAGES_KEPT),
    pageParams: [null, ...rest.pageParams].slice(0, PAGES_KEPT),
  };
}

/**
 * The list with one of its pages as it is now: rows changed, left or joined the filter.
 *
 * What is newer than the whole list is left out: see `newerThan`.
 */
export function refreshed(list: List, number: number, now: Page): List {
  const page = list.pages[number];
  if (!page) return list;
  const later = new Set(
    list.pages.slice(number + 1, number + NEAR).flatMap(({ data }) => data.map(({ id }) => id)),
  );
  const newer = number === 0 ? newerThan(list, now) : { rows: [], hasGap: false };
  if (newer.hasGap) return list;
  const mine = now.data.slice(newer.rows.length);
  const end = mine.findIndex(({ id }) => later.has(id));
  const fresh = end < 0 ? mine : mine.slice(0, end);
  const old = new Map(page.data.map((row) => [row.id, row]));
  const data = fresh.map((row) => same(old.get(row.id), row));
  const isWhole = end >= 0 || now.next_cursor === null;
  if (!isWhole) data.push(...below(page.data, fresh));
  if (data.length === page.data.length && data.every((row, at) => row === page.data[at])) {
    return list;
  }
  const pages = [...list.pages];
  pages[number] = { data, next_cursor: page.next_cursor };
  return { pages, pageParams: list.pageParams };
}

/** The rows of the page that stand behind the last of those that were asked for again. */
function below(rows: readonly Message[], fresh: readonly Message[]): Message[] {
  const last = fresh.at(-1);
  if (!last) return [...rows];
  const known = new Set(fresh.map(({ id }) => id));
  const at = rows.findIndex(({ id }) => id === last.id);
  if (at >= 0) return rows.slice(at + 1).filter(({ id }) => !known.has(id));
  return rows.filter((row) => row.created_at < last.created_at && !known.has(row.id));
}

/** The row that is drawn already when nothing changed, so that it is not drawn again. */
function same(old: Message | undefined, now: Message): Message {
  if (!old) return now;
  const isSame =
    old.updated_at === now.updated_at &&
    old.status === now.status &&
    old.next_attempt_at === now.next_attempt_at;
  return isSame ? old : now;
}
