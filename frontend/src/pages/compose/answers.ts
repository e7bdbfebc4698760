// What the gateway answered to a mail, in words.

import { ApiProblem, Unreachable } from "../../api/problem";
import type { Message } from "../../api/types";

/** An answer that a message stands behind: the mail has an id and a fate. */
export interface Sent {
  message: Message;
  /** The HTTP status. */
  status: number;
  /** The same request had come before: this is the first one's message. */
  isReplayed: boolean;
}

export type Tone = "good" | "waiting" | "doubt" | "bad";

export interface Words {
  tone: Tone;
  title: string;
  detail: string;
}

/** The message that a problem carries: a sync mail has one, whatever became of it. */
export function messageIn(error: unknown): Message | null {
  if (!(error instanceof ApiProblem)) return null;
  const message = (error.body as { message?: Message } | undefined)?.message;
  return message?.id ? message : null;
}

/** What became of the mail, as far as it is known now. */
export function wordsFor({ message, isReplayed }: Sent): Words {
  const words = fateOf(message);
  if (!isReplayed) return words;
  return {
    ...words,
    detail: `This mail had been taken before under its idempotency key, so nothing was sent a second time. ${words.detail}`,
  };
}

function fateOf(message: Message): Words {
  const isSync = message.mode === "sync";
  switch (message.status) {
    case "sent":
      return {
        tone: "good",
        title: message.provider ? `Sent: ${message.provider} took it` : "Sent",
        detail: "A provider took responsibility for it.",
      };
    case "scheduled":
      return {
        tone: "waiting",
        title: "Stored, and scheduled",
        detail: "It goes out at its time, and can be cancelled or moved until then.",
      };
    case "unknown":
      return {
        tone: "doubt",
        title: "Nobody knows whether it was sent",
        detail:
          "The line broke, or the time was up, while a provider may already have had it. It is not sent again by itself, since that could give the recipient two. The gateway goes on finding out; look at the message before you send it once more.",
      };
    case "failed":
      return isSync && wasForProviders(message)
        ? {
            tone: "bad",
            title: "Not sent, and nothing will be",
            detail:
              "Every provider failed. It is certain that none of them took it and that nothing is sent later, so it is safe to send it again.",
          }
        : {
            tone: "bad",
            title: "Refused for good",
            detail:
              "The mail itself or its recipient was refused, so no other provider was asked. What was said stands below.",
          };
    case "expired":
      return {
        tone: "bad",
        title: "Not sent in time",
        detail: "No provider took it until the time that it was given. Nothing is sent later.",
      };
    case "suppressed":
      return {
        tone: "bad",
        title: "Not sent: suppressed",
        detail: "Every recipient is on the suppression list, so no provider was asked.",
      };
    case "cancelled":
      return { tone: "bad", title: "Cancelled", detail: "It was withdrawn before hand-over." };
    case "held":
      return {
        tone: "waiting",
        title: "Stored, and held",
        detail: "It waits until somebody releases it.",
      };
    default:
      return message.attempts.length > 0
        ? {
            tone: "waiting",
            title: "Stored; not handed over yet",
            detail: "The providers that were asked could not take it. It is tried again by itself.",
          }
        : {
            tone: "waiting",
            title: "Stored safely",
            detail:
              "From here on it survives a crash. It is handed over as soon as its turn comes.",
          };
  }
}

/** Whether every failure was a provider's own, as against the mail's or the recipient's. */
function wasForProviders({ attempts }: Message): boolean {
  return !attempts.some(({ blame }) => blame === "message" || blame === "recipient");
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
