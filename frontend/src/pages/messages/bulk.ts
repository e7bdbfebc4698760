// What is done to many messages at once: counted first (a dry run), said in words, then done.

import { answer, api } from "../../api/client";
import type { MessageStatus } from "../../api/types";
import { count } from "../../parts/format";
import { MESSAGE_WORDS, wordFor } from "../../parts/words";
import { pagesOf, patiently } from "./walk";

export type BulkAction = "retry" | "cancel";

/** Messages and the status that each had when it was chosen. */
export type Chosen = ReadonlyMap<string, MessageStatus>;

export interface BulkResult {
  ids: string[];
  /** How many were left out, by the status that forbids it, or `not_found`. */
  leftOut: Record<string, number>;
}

const MOST_IDS = 500;

interface How {
  action: BulkAction;
  isDryRun: boolean;
  risksDuplicate: boolean;
  signal: AbortSignal;
  onProgress: (done: number) => void;
}

/** Every message that matches, so that what is counted is also what is acted on. */
export async function chooseAll(q: string, how: Pick<How, "signal" | "onProgress">) {
  const chosen = new Map<string, MessageStatus>();
  for await (const page of pagesOf(q, how.signal)) {
    for (const { id, status } of page) chosen.set(id, status);
    how.onProgress(chosen.size);
  }
  return chosen;
}

export async function actOn(ids: readonly string[], how: How): Promise<BulkResult> {
  const result: BulkResult = { ids: [], leftOut: {} };
  for (let at = 0; at < ids.length; at += MOST_IDS) {
    const some = ids.slice(at, at + MOST_IDS);
    const done = await patiently(() => ask(some, how), how.signal);
    result.ids.push(...done.ids);
    for (const [why, number] of Object.entries(done.leftOut)) {
      result.leftOut[why] = (result.leftOut[why] ?? 0) + number;
    }
    how.onProgress(at + some.length);
  }
  return result;
}

async function ask(ids: string[], how: How): Promise<BulkResult> {
  const { signal } = how;
  if (how.action === "cancel") {
    const body = { ids, dry_run: how.isDryRun };
    const done = await answer(api().POST("/v1/messages/cancel", { body, signal }));
    return { ids: done.cancelled, leftOut: done.left_out };
  }
  const body = {
    ids,
    dry_run: how.isDryRun,
    risk_duplicate: how.risksDuplicate,
  };
  const done = await answer(api().POST("/v1/messages/retry", { body, signal }));
  return { ids: done.retried, leftOut: done.left_out };
}

// ---------------------------------------------------------------- in words

export interface Line {
  text: string;
  why: string;
}

/** What would happen, group by group. */
export function whatHappens(action: BulkAction, result: BulkResult, chosen: Chosen): Line[] {
  const groups = new Map<MessageStatus, number>();
  for (const id of result.ids) {
    const status = chosen.get(id) ?? "queued";
    groups.set(status, (groups.get(status) ?? 0) + 1);
  }
  return [...groups].map(([status, number]) => ({
    text: `${count(number)} ${label(status)}`,
    why: action === "cancel" ? "withdrawn; it will never be sent" : (GOES[status] ?? "tried now"),
  }));
}

const GOES: Partial<Record<MessageStatus, string>> = {
  failed: "tried again now, for the recipients that did not get it",
  expired: "tried again now, with its whole time limit anew",
  queued: "tried now instead of at its next attempt",
  scheduled: "sent now instead of at its time",
  held: "stays held: releasing it is a decision of its own",
  unknown: "sent again, and may arrive twice",
};

/** What is left out, and why. */
export function whatIsLeftOut(action: BulkAction, result: BulkResult): Line[] {
  return Object.entries(result.leftOut).map(([status, number]) => ({
    text: `${count(number)} ${label(status)}`,
    why: (action === "cancel" ? NOT_CANCELLED : NOT_RETRIED)[status] ?? "its state forbids it",
  }));
}

const EITHER: Record<string, string> = {
  sending: "a provider may be taking it right now",
  suppressed: "every recipient is on the suppression list",
  not_found: "it does not exist any more",
};

const NOT_RETRIED: Record<string, string> = {
  ...EITHER,
  sent: "taken by a provider already: trying again would be a second mail",
  unknown: "a provider may have it: trying again may send it twice",
  cancelled: "somebody withdrew it",
  queued: "it is being handed over at this moment",
};

const NOT_CANCELLED: Record<string, string> = {
  ...EITHER,
  sent: "taken by a provider already: a mail cannot be called back",
  unknown: "a provider may have it: a mail cannot be called back",
  failed: "it has ended already",
  expired: "it has ended already",
  cancelled: "it is cancelled already",
};

function label(status: string): string {
  if (status === "not_found") return "gone";
  return wordFor(MESSAGE_WORDS, status).label.toLowerCase();
}
