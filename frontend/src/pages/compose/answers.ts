// What the gateway answered to a mail, in words.

import { ApiProblem, Unreachable } from "../../api/problem";
import type { Message } from "../../api/types";
import { type Fate, fateOf } from "../../parts/fate";

/** An answer that a message stands behind: the mail has an id and a fate. */
export interface Sent {
  message: Message;
  /** The HTTP status. */
  status: number;
  /** The same request had come before: this is the first one's message. */
  isReplayed: boolean;
}

/** The message that a problem carries: a sync mail has one, whatever became of it. */
export function messageIn(error: unknown): Message | null {
  if (!(error instanceof ApiProblem)) return null;
  const message = (error.body as { message?: Message } | undefined)?.message;
  return message?.id ? message : null;
}

/** What became of the mail, as far as it is known now. */
export function wordsFor({ message, isReplayed }: Sent): Fate {
  const words = fateOf(message);
  if (!isReplayed) return words;
  return {
    ...words,
    detail: `This mail had been taken before under its idempotency key, so nothing was sent a second time. ${words.detail}`,
  };
}

export interface Refusal {
  title: string;
  detail: string;
  /** What helps: a changed mail under a key of its own. */
  needsNewKey: boolean;
}

/** Why a call brought no message, in words for the person who wrote the mail. */
export function refusalFor(error: unknown): Refusal {
  if (error instanceof Unreachable) {
    return {
      title: "No answer came",
      detail:
        "The gateway may or may not have taken the mail. Send it again as it is: the idempotency key makes sure that it goes out once.",
      needsNewKey: false,
    };
  }
  if (!(error instanceof ApiProblem)) {
    const detail = error instanceof Error ? error.message : String(error);
    return { title: "Something went wrong in this page", detail, needsNewKey: false };
  }
  switch (error.code) {
    case "idempotency_mismatch":
      return {
        title: "Another mail was taken under this idempotency key",
        detail:
          "The gateway has a mail with this key and other content, perhaps this one before you changed it. Look into the messages; if you want to send both, give this one a key of its own.",
        needsNewKey: true,
      };
    case "idempotency_in_progress":
      return {
        title: "The first request is still running",
        detail: "Wait a moment and send again: you then get the answer of the first one.",
        needsNewKey: false,
      };
    default:
      return {
        title: error.title,
        detail: `${error.message}${again(error)}`,
        needsNewKey: false,
      };
  }
}

function again({ status, retryAfterSeconds }: ApiProblem): string {
  if (status !== 429 && status !== 503) return "";
  const when = retryAfterSeconds === null ? "later" : `in ${retryAfterSeconds} s`;
  return ` Nothing was stored and nothing is sent. Send it again ${when}.`;
}
