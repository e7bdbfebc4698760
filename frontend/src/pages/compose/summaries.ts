// What a closed section holds, in a few words: nothing that was set may hide.

import type { Draft } from "./draft";

export function summaryOfTimes(draft: Draft): string {
  return joined([
    draft.sendAt && `at ${draft.sendAt.replace("T", " ")}`,
    draft.giveUpAfter !== null && `give up after ${draft.giveUpAfter} ${draft.giveUpSpan}`,
    draft.priority !== "normal" && `${draft.priority} priority`,
    draft.route && `route ${draft.route}`,
    draft.onUnknown === "risk_duplicate" && "may arrive twice",
    draft.onUnknown === "wait" && "waits when unknown",
  ]);
}

export function summaryOfAnswer(draft: Draft): string {
  if (draft.mode === "sync") return `sync, at most ${draft.timeout ?? 30} s`;
  return draft.wait === null ? "" : `async, held up to ${draft.wait} s`;
}

export function summaryOfLabels({ tags, metadata, headers }: Draft): string {
  return joined([
    counted(tags.length, "tag"),
    counted(metadata.length, "piece of metadata", "pieces of metadata"),
    counted(headers.length, "header"),
  ]);
}

export function summaryOfKey({ idempotencyKey }: Draft): string {
  return idempotencyKey.trim() ? "" : "switched off";
}

function counted(count: number, one: string, many = `${one}s`): string {
  return count === 0 ? "" : `${count} ${count === 1 ? one : many}`;
}

function joined(words: readonly (string | false)[]): string {
  return words.filter(Boolean).join(", ");
}
