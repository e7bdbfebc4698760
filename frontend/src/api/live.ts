// Live without reload: follow the event stream, and when it cannot be had, look every few seconds.

import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { createParser } from "eventsource-parser";
import { useEffect, useState } from "react";
import { addressOf, problemOf, send } from "./client";
import { MOVED_BY_MAIL } from "./queries";
import { useMay, useSession } from "./session";

export type Liveness = "live" | "polling" | "off";

const POLL_MS = 5_000;
const RECONNECT_MS = 3_000;
const GATHER_MS = 700;

/** Keep everything on the screen fresh; returns how. Used once, by the shell. */
export function useLive(): Liveness {
  const queries = useQueryClient();
  const { key } = useSession();
  const mayRead = useMay("read");
  const [liveness, setLiveness] = useState<Liveness>("off");
  const isWanted = key !== null && mayRead;
  useEffect(() => {
    if (!isWanted) return;
    const stop = new AbortController();
    const refresh = gathered(() => void refreshAll(queries), GATHER_MS);
    void follow(stop.signal, refresh, (isLive) => setLiveness(isLive ? "live" : "polling"));
    return () => stop.abort();
  }, [key, isWanted, queries]);
  useEffect(() => {
    if (liveness !== "polling") return;
    const timer = setInterval(() => void refreshAll(queries), POLL_MS);
    return () => clearInterval(timer);
  }, [liveness, queries]);
  return isWanted ? liveness : "off";
}

function refreshAll(queries: QueryClient): Promise<void> {
  return queries.invalidateQueries({
    predicate: ({ queryKey }) => MOVED_BY_MAIL.includes(String(queryKey[0])),
  });
}

async function follow(
  signal: AbortSignal,
  onEvent: () => void,
  onChange: (isLive: boolean) => void,
): Promise<void> {
  let last: string | null = null;
  while (!signal.aborted) {
    try {
      for await (const id of idsOf(await open(signal, last))) {
        onChange(true);
        if (id === null) continue;
        last = id;
        onEvent();
      }
    } catch {
      // Reported as "polling"; what is wrong with the gateway is said by the calls themselves.
    }
    if (isOver(signal)) return;
    onChange(false);
    await new Promise((resume) => setTimeout(resume, RECONNECT_MS));
  }
}

/** As a function: the compiler takes a property that it has seen false to stay so. */
const isOver = (signal: AbortSignal) => signal.aborted;

async function open(signal: AbortSignal, last: string | null): Promise<Response> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (last) headers["Last-Event-ID"] = last;
  const response = await send(new Request(addressOf("/v1/events/stream"), { headers, signal }));
  if (!response.ok) throw problemOf(response, await response.json().catch(() => undefined));
  return response;
}

/** The id of each event, and null for every sign of life that is none. */
async function* idsOf(response: Response): AsyncGenerator<string | null> {
  if (!response.body) return;
  const seen: string[] = [];
  const parser = createParser({
    onEvent: ({ id }) => {
      if (id) seen.push(id);
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield null;
      parser.feed(value);
      yield* seen.splice(0);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

/** Calls at most once in `ms`, and always once more after the last wish. */
export function gathered(call: () => void, ms: number): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let wanted = false;
  const run = () => {
    timer = null;
    if (!wanted) return;
    wanted = false;
    call();
    timer = setTimeout(run, ms);
  };
  return () => {
    wanted = true;
    if (timer === null) run();
  };
}
