// Every message that matches a search, page by page: for an export, and for what is done to many.

import { answer, api } from "../../api/client";
import { ApiProblem, isPassing } from "../../api/problem";
import type { Message } from "../../api/types";
import type { Cursor, Page } from "./list";

const MOST = 200;
const TRIES = 10;
const PAUSE_MS = 3_000;

export function askForPage(q: string, cursor: Cursor, limit: number, signal?: AbortSignal) {
  const query = { limit, ...(q ? { q } : {}), ...(cursor ? { cursor } : {}) };
  return answer(api().GET("/v1/messages", { params: { query }, signal: signal ?? null }));
}

/** Yields each page. Throws when `signal` is aborted, and when the API goes on saying no. */
export async function* pagesOf(q: string, signal: AbortSignal): AsyncGenerator<Message[]> {
  let cursor: Cursor = null;
  do {
    const at: Cursor = cursor;
    const page: Page = await patiently(() => askForPage(q, at, MOST, signal), signal);
    yield page.data;
    cursor = page.next_cursor;
  } while (cursor !== null);
}

/** Calls again, a few times, while the gateway is away or the key's rate is used up. */
export async function patiently<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !isPassing(error) || tries >= TRIES) throw error;
      const seconds = error instanceof ApiProblem ? error.retryAfterSeconds : null;
      await pause(seconds === null ? PAUSE_MS : seconds * 1_000, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Error("stopped"));
    });
  });
}
