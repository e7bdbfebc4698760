// What can go wrong at an imitated provider, in words, and what the gateway makes of it.

import type { components } from "../../api/schema";

export type Account = components["schemas"]["SandboxAccount"];
export type ArmedFault = Account["faults"][number];

/** What the gateway makes of it when a mail meets it. */
export type Consequence = "next" | "unknown" | "taken" | "refused";

export interface Setting {
  name: "seconds" | "retry_after" | "recipient";
  label: string;
  initial: string | number;
}

export interface FaultKind {
  name: string;
  label: string;
  /** What the provider does. */
  acts: string;
  consequence: Consequence;
  /** Kinds of accounts that can act it out; left out: all. */
  only?: readonly string[];
  setting?: Setting;
  /** It stands until it is mended and counts no hits. */
  isStanding?: true;
}

export const CONSEQUENCES: Record<Consequence, string> = {
  next: "Nothing was taken, so the next provider is asked.",
  unknown:
    "Nobody can know whether it was taken. The message becomes unknown and nobody else is asked, so that nothing arrives twice.",
  taken: "The mail is taken all the same.",
  refused: "That is for good, whoever is asked: no other provider is tried.",
};

const HTTP = ["ses", "mailgun"];

/** The order of the menu: what is met most often first. */
export const FAULT_KINDS: readonly FaultKind[] = [
  {
    name: "down",
    label: "Down",
    acts: "Refuses every connection.",
    consequence: "next",
    isStanding: true,
  },
  {
    name: "rate_limited",
    label: "Too many requests",
    acts: "Answers 429 with Retry-After (SMTP: 451).",
    consequence: "next",
    setting: { name: "retry_after", label: "Retry after (s)", initial: 5 },
  },
  {
    name: "error_before",
    label: "Out of order",
    acts: "Answers 503 in its own words (SMTP: 451).",
    consequence: "next",
  },
  {
    name: "auth",
    label: "Key refused",
    acts: "Says that the credentials are wrong.",
    consequence: "next",
  },
  {
    name: "suspended",
    label: "Account suspended",
    acts: "Says that this account may not send.",
    consequence: "next",
  },
  {
    name: "unverified",
    label: "Address not verified",
    acts: "Lets only verified addresses send and be sent to, as a new SES account does.",
    consequence: "next",
    only: ["ses"],
    isStanding: true,
  },
  {
    name: "taken_then_cut",
    label: "Cut before the answer",
    acts: "Takes the mail, then cuts the line before it answers.",
    consequence: "unknown",
  },
  {
    name: "cut_after_body",
    label: "Cut after the body",
    acts: "Reads everything, then cuts the line without taking the mail.",
    consequence: "unknown",
  },
  {
    name: "error_after",
    label: "Taken, then 500",
    acts: "Takes the mail, then answers with a bare 500 page.",
    consequence: "unknown",
    only: HTTP,
  },
  {
    name: "cut_in_answer",
    label: "Cut in the answer",
    acts: "Takes the mail, then sends only half of its answer.",
    consequence: "unknown",
  },
  {
    name: "malformed",
    label: "Broken answer",
    acts: "Takes the mail, then answers something that nobody can read.",
    consequence: "unknown",
  },
  {
    name: "bad_gateway",
    label: "502 from an edge",
    acts: "An edge in front of it answers with a 502 page; the mail is not taken.",
    consequence: "unknown",
    only: HTTP,
  },
  {
    name: "lie",
    label: "200 without an id",
    acts: "Answers 200 without the id of a mail, and took none.",
    consequence: "unknown",
    only: HTTP,
  },
  {
    name: "hang",
    label: "Hangs",
    acts: "Reads everything and says nothing until it is mended; by default the gateway waits for 30 s.",
    consequence: "unknown",
  },
  {
    name: "slow",
    label: "Slow",
    acts: "Takes the mail at once, and answers late.",
    consequence: "taken",
    setting: { name: "seconds", label: "Late by (s)", initial: 3 },
  },
  {
    name: "refuse_recipient",
    label: "Refuses a recipient",
    acts: "Says that this recipient cannot get mail.",
    consequence: "refused",
    setting: {
      name: "recipient",
      label: "Recipient (* and ? stand for anything)",
      initial: "ann@example.net",
    },
  },
  {
    name: "events_lag",
    label: "Events come late",
    acts: "Takes mail as always, but can be asked for it only later: an unknown outcome stays unknown for longer.",
    consequence: "taken",
    only: ["mailgun"],
    setting: { name: "seconds", label: "Late by (s)", initial: 60 },
    isStanding: true,
  },
];

/** The faults that an account of this kind can act out. */
export function faultsFor(kind: string): readonly FaultKind[] {
  return FAULT_KINDS.filter(({ only }) => !only || only.includes(kind));
}

export const GROUPS: readonly (readonly [Consequence, string])[] = [
  ["next", "The next provider is asked"],
  ["unknown", "Nobody knows whether it was taken"],
  ["taken", "It goes well all the same"],
  ["refused", "Refused for good"],
];

/** How an armed fault is called; one that this page does not know keeps the API's name. */
export function labelOf(fault: ArmedFault): string {
  const name = String(fault.fault);
  return FAULT_KINDS.find((kind) => kind.name === name)?.label ?? name;
}

/** What an armed fault does, with its settings. */
export function armedInWords(fault: ArmedFault): string {
  const kind = FAULT_KINDS.find(({ name }) => name === fault.fault);
  if (!kind) return `${String(fault.fault)}.`;
  const { setting } = kind;
  const value = setting ? fault[setting.name] : undefined;
  const set = setting && value !== undefined ? `${settingInWords(setting, value)} ` : "";
  const left = typeof fault.times === "number" ? ` Mends itself after ${hits(fault.times)}.` : "";
  return `${kind.acts} ${set}${CONSEQUENCES[kind.consequence]}${left}`;
}

function settingInWords({ name }: Setting, value: unknown): string {
  switch (name) {
    case "recipient":
      return `Whom: ${String(value)}.`;
    case "retry_after":
      return `Retry-After: ${String(value)} s.`;
    case "seconds":
      return `By ${String(value)} s.`;
  }
}

function hits(times: number): string {
  return times === 1 ? "one more hit" : `${times} more hits`;
}

/** The body of `PUT /v1/sandbox/faults/{name}`. */
export function requestFor(
  kind: FaultKind,
  value: string | number,
  times: number | null,
): { fault: string; times?: number } & Record<string, unknown> {
  return {
    fault: kind.name,
    ...(kind.setting && { [kind.setting.name]: value }),
    ...(times !== null && !kind.isStanding && { times }),
  };
}
