import { describe, expect, it } from "vitest";
import type { Message } from "../../api/types";
import { type List, newerThan, type Page, pageAt, refreshed, rowsOf, withNewest } from "./list";

/** Message 7 was accepted as the 7th. */
function row(number: number, status: Message["status"] = "sent"): Message {
  const at = new Date(Date.UTC(2026, 0, 1) + number * 1_000).toISOString();
  return {
    id: `msg_${String(number).padStart(6, "0")}`,
    status,
    created_at: at,
    updated_at: status === "sent" ? at : `${at}+`,
    next_attempt_at: null,
  } as Message;
}

/** Messages `from` down to `to`, as one page; its cursor to go on is the last number. */
function page(from: number, to: number, isLast = false): Page {
  const data = Array.from({ length: from - to + 1 }, (_, at) => row(from - at));
  return { data, next_cursor: isLast ? null : String(to) };
}

const numbers = (rows: readonly Message[]) => rows.map(({ id }) => Number(id.slice(4)));
const LIST: List = {
  pages: [page(10, 8), page(7, 5)],
  pageParams: [null, "8"],
};

describe("what comes in while one reads", () => {
  it("waits above the list, so that nothing moves under the reader's eyes", () => {
    const newer = newerThan(LIST, page(12, 9));
    expect(numbers(newer.rows)).toEqual([12, 11]);
    expect(numbers(rowsOf(refreshed(LIST, 0, page(12, 9))))).toEqual([10, 9, 8, 7, 6, 5]);
  });

  it("joins the list when it is wanted, without a row lost or doubled", () => {
    const list = withNewest(LIST, page(12, 9));
    expect(numbers(rowsOf(list))).toEqual([12, 11, 10, 9, 8, 7, 6, 5]);
    expect(list.pages.map(({ next_cursor }) => next_cursor).slice(0, -1)).toEqual(
      list.pageParams.slice(1),
    );
  });

  it("begins anew when more came than can be seen, instead of hiding a gap", () => {
    const head = page(99, 96);
    expect(newerThan(LIST, head).hasGap).toBe(true);
    expect(numbers(rowsOf(withNewest(LIST, head)))).toEqual([99, 98, 97, 96]);
    expect(refreshed(LIST, 0, head)).toBe(LIST);
  });

  it("fills a list that was empty", () => {
    const empty: List = {
      pages: [{ data: [], next_cursor: null }],
      pageParams: [null],
    };
    expect(numbers(rowsOf(withNewest(empty, page(2, 1, true))))).toEqual([2, 1]);
  });
});

describe("a page that is asked for again", () => {
  it("shows new states in place and keeps the rows that did not change", () => {
    const now = {
      data: [row(7), row(6, "failed"), row(5), row(4)],
      next_cursor: "4",
    };
    const list = refreshed(LIST, 1, now);
    expect(rowsOf(list)[4]?.status).toBe("failed");
    expect(rowsOf(list)[3]).toBe(rowsOf(LIST)[3]);
    expect(list.pages[0]).toBe(LIST.pages[0]);
  });

  it("loses rows that match no longer and gets those that match now", () => {
    const now = { data: [row(7), row(5)], next_cursor: null };
    expect(numbers(rowsOf(refreshed(LIST, 1, now)))).toEqual([10, 9, 8, 7, 5]);
    const thin: List = {
      pages: [{ data: [row(10), row(8)], next_cursor: "8" }, page(7, 5)],
      pageParams: [null, "8"],
    };
    expect(numbers(rowsOf(refreshed(thin, 0, page(10, 6))))).toEqual([10, 9, 8, 7, 6, 5]);
  });

  it("leaves alone what was not asked for, and everything when nothing changed", () => {
    const now = { data: [row(10), row(9, "failed")], next_cursor: "9" };
    expect(numbers(rowsOf(refreshed(LIST, 0, now)))).toEqual([10, 9, 8, 7, 6, 5]);
    expect(refreshed(LIST, 0, page(10, 7))).toBe(LIST);
  });

  it("is found by the row that one sees", () => {
    expect([0, 2, 3, 5, 99].map((index) => pageAt(LIST, index))).toEqual([0, 0, 1, 1, 1]);
  });
});
