// Entries of the suppression list in words, and what was pasted as entries.

import type { components } from "../../api/schema";
import {
  addressIn,
  faultOfMailbox,
  splitMailboxes,
  withoutRepetition,
} from "../../parts/mailboxes";
import type { Word } from "../../parts/words";
import type { Reason } from "./search";

type Schemas = components["schemas"];
export type Suppression = Schemas["Suppression"];
export type NewSuppression = Schemas["NewSuppression"];
export type AddedResult = Schemas["AddedResult"];

export const REASON_WORDS: Record<Reason, Word> = {
  manual: { label: "By hand", meaning: "Somebody put it here.", color: "gray" },
  hard_bounce: {
    label: "Hard bounce",
    meaning: "The recipient's server refused it for good.",
    color: "red",
  },
  unsubscribe: { label: "Unsubscribed", meaning: "The recipient wants no more.", color: "blue" },
  complaint: {
    label: "Complaint",
    meaning: "The recipient reported mail as spam.",
    color: "pink",
  },
};

/** For a choice of reasons, in the order of weight. */
export const REASONS = (Object.keys(REASON_WORDS) as Reason[]).map((value) => ({
  value,
  label: REASON_WORDS[value].label,
}));

export const ORIGINS = [
  { value: "provider", label: "A provider's event" },
  { value: "message", label: "A message's outcome" },
  { value: "key", label: "Added over the API" },
  { value: "import", label: "Imported" },
] as const;

export type Origin =
  | { kind: "provider"; name: string }
  | { kind: "message"; id: string }
  | { kind: "key"; id: string }
  | { kind: "import"; id: string }
  | { kind: "other"; text: string };

/** Who said it. */
export function originOf(text: string): Origin {
  const [kind = "", ...rest] = text.split(":");
  const what = rest.join(":");
  switch (kind) {
    case "provider":
      return { kind, name: what };
    case "message":
    case "key":
    case "import":
      return { kind, id: what };
    default:
      return { kind: "other", text };
  }
}

export interface Pasted {
  addresses: string[];
  /** Those that cannot be right, each with what is wrong. */
  faults: string[];
}

/** The addresses in what was typed or pasted; names beside them are left out. */
export function readPasted(text: string): Pasted {
  const addresses = withoutRepetition(splitMailboxes(text).map(addressIn));
  const faults = addresses.flatMap((address) => {
    const fault = faultOfMailbox(address);
    return fault === null ? [] : [`${address} ${fault}`];
  });
  return { addresses, faults };
}

/** The API takes so many at once. */
export const MOST_AT_ONCE = 1_000;

export function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.slice(at * size, (at + 1) * size),
  );
}

export interface Tally {
  added: number;
  changed: number;
  known: number;
  /** Addresses that were not taken, each with the reason. */
  refused: { address: string; detail: string }[];
}

/** What came of each address; results stand in the order of the addresses. */
export function tallyOf(addresses: readonly string[], results: readonly AddedResult[]): Tally {
  const count = (word: AddedResult["result"]) =>
    results.filter(({ result }) => result === word).length;
  const refused = results.flatMap(({ problem }, at) => {
    if (!problem) return [];
    const detail = problem.errors?.map((fault) => fault.detail).join("; ") || problem.detail;
    return [{ address: addresses[at] ?? "", detail }];
  });
  return { added: count("added"), changed: count("changed"), known: count("known"), refused };
}

export function tallyInWords({ added, changed, known }: Omit<Tally, "refused">): string {
  const words = [
    added > 0 && `${added} added`,
    changed > 0 && `${changed} changed`,
    known > 0 && `${known} there already`,
  ].filter(Boolean);
  return words.length === 0 ? "Nothing was added." : `${words.join(", ")}.`;
}
