// What became of a message, in words for the person who sent it.

import type { Message } from "../api/types";

export type Tone = "good" | "waiting" | "doubt" | "bad";

export interface Fate {
  tone: Tone;
  title: string;
  detail: string;
}

/** As far as it is known now. */
export function fateOf(message: Message): Fate {
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
