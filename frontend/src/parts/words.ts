// What states are called, what they mean and how they look. One place, so that a word means the
// same on every page.

import type { MessageStatus, Outcome, ProviderState, RecipientStatus } from "../api/types";

export interface Word {
  label: string;
  /** One sentence for a person who meets the word for the first time. */
  meaning: string;
  color: string;
}

export const MESSAGE_WORDS: Record<MessageStatus, Word> = {
  scheduled: {
    label: "Scheduled",
    meaning: "Waits for the time it was asked to go out.",
    color: "indigo",
  },
  held: { label: "Held", meaning: "Waits until somebody releases it.", color: "grape" },
  queued: {
    label: "Queued",
    meaning: "Stored safely; waits for its first or next attempt.",
    color: "blue",
  },
  sending: { label: "Sending", meaning: "A provider may be taking it right now.", color: "cyan" },
  unknown: {
    label: "Unknown",
    meaning: "Nobody knows whether a provider took it. It is not sent again by itself.",
    color: "orange",
  },
  sent: { label: "Sent", meaning: "A provider took responsibility for it.", color: "green" },
  failed: { label: "Failed", meaning: "It was refused for good.", color: "red" },
  expired: { label: "Expired", meaning: "No provider took it in time.", color: "red" },
  cancelled: {
    label: "Cancelled",
    meaning: "It was withdrawn before any provider had it.",
    color: "gray",
  },
  suppressed: {
    label: "Suppressed",
    meaning: "Every recipient is on the suppression list; no provider was asked.",
    color: "gray",
  },
};

export const RECIPIENT_WORDS: Record<RecipientStatus, Word> = {
  queued: { label: "Queued", meaning: "Not handed over yet.", color: "blue" },
  deferred: {
    label: "Deferred",
    meaning: "Not taken for now; it is tried again.",
    color: "yellow",
  },
  unknown: {
    label: "Unknown",
    meaning: "Nobody knows whether a provider took it.",
    color: "orange",
  },
  sent: { label: "Sent", meaning: "A provider took responsibility.", color: "green" },
  delivered: {
    label: "Delivered",
    meaning: "The recipient's mail server took it.",
    color: "teal",
  },
  failed: { label: "Failed", meaning: "Refused for good.", color: "red" },
  cancelled: {
    label: "Cancelled",
    meaning: "Withdrawn before any provider had it.",
    color: "gray",
  },
  expired: { label: "Expired", meaning: "No provider took it in time.", color: "red" },
  bounced: {
    label: "Bounced",
    meaning: "The recipient's side refused it for good.",
    color: "red",
  },
  complained: {
    label: "Complained",
    meaning: "The recipient reported it as spam.",
    color: "pink",
  },
  suppressed: {
    label: "Suppressed",
    meaning: "On the suppression list; no provider was asked.",
    color: "gray",
  },
};

export const PROVIDER_WORDS: Record<ProviderState, Word> = {
  up: { label: "Up", meaning: "It is asked.", color: "green" },
  degraded: {
    label: "Probing",
    meaning: "After a rest, one mail is tried as a probe.",
    color: "yellow",
  },
  down: {
    label: "Down",
    meaning: "Left out after failures of its own; a probe follows.",
    color: "red",
  },
  paused: { label: "Paused", meaning: "A person took it out of service.", color: "gray" },
};

export const OUTCOME_WORDS: Record<Outcome, Word> = {
  accepted: { label: "Accepted", meaning: "The provider took it.", color: "green" },
  deferred: {
    label: "Failed for now",
    meaning: "The provider did not take it; it may be tried elsewhere or later.",
    color: "yellow",
  },
  refused: { label: "Refused", meaning: "Refused for good.", color: "red" },
  unknown: {
    label: "Unknown",
    meaning: "Nobody knows whether the provider took it.",
    color: "orange",
  },
  skipped: { label: "Passed over", meaning: "The provider was not asked.", color: "gray" },
};

const UNHEARD: Omit<Word, "label"> = { meaning: "", color: "gray" };

/** The word for a state; one that this page does not know yet is shown as the API wrote it. */
export function wordFor(words: Record<string, Word>, state: string): Word {
  return words[state] ?? { label: state, ...UNHEARD };
}
