// What happened to a message, as a person would tell it: attempts and events in one story. Pure.

import type { Attempt, Happening, Message } from "../../api/types";
import { dateAndTime, duration } from "../../parts/format";

export interface Step {
  key: string;
  at: string;
  color: string;
  /** One sentence. */
  text: string;
  /** Why it was this provider, or why not. */
  why?: string;
  /** What the provider answered, in its own words. */
  raw?: Attempt;
}

/** From a provider's name in the configuration to what it is, such as `ses`. */
export type Kinds = ReadonlyMap<string, { kind: string }>;

const KIND_NAMES: Record<string, string> = {
  ses: "Amazon SES",
  mailgun: "Mailgun",
  smtp: "the SMTP relay",
  sandbox: "the built-in sandbox",
};

/** `Amazon SES (ses)`: what it is, and its name here. */
export function providerName(name: string, kinds: Kinds): string {
  const kind = kinds.get(name)?.kind;
  const words = kind ? (KIND_NAMES[kind] ?? kind) : undefined;
  return words && words !== name ? `${words} (${name})` : name;
}

/** Every step in the order in which it happened. */
export function storyOf(message: Message, events: readonly Happening[], kinds: Kinds): Step[] {
  const steps: Step[] = [];
  const told = new Set<Attempt>();
  let pass: Attempt[] = [];
  const tell = (until: string | null) => {
    for (const attempt of message.attempts) {
      if (told.has(attempt) || (until !== null && sortable(attempt.started_at) > until)) continue;
      told.add(attempt);
      steps.push(stepOf(attempt, pass, message, kinds));
      pass.push(attempt);
    }
  };
  for (const event of events) {
    tell(sortable(event.at));
    const said = inWords(event, pass.at(-1), kinds);
    if (said) steps.push({ key: event.id, at: event.at, ...said });
    if (ENDS_A_PASS.has(event.type)) pass = [];
  }
  tell(null);
  return steps;
}

/** A whole second is written without a fraction, and would sort behind its own fractions. */
function sortable(at: string): string {
  return at.includes(".") ? at : at.replace("Z", ".000000Z");
}

const ENDS_A_PASS = new Set(["message.deferred", "message.retried", "message.unknown"]);

// ---------------------------------------------------------------- attempts

function stepOf(it: Attempt, before: readonly Attempt[], message: Message, kinds: Kinds): Step {
  const base = { key: `attempt-${it.number}`, at: it.started_at };
  const name = providerName(it.provider, kinds);
  const then = before.length > 0 ? "Then " : "";
  const raw = it.detail || it.code !== null || it.recipients.length > 0 ? { raw: it } : {};
  if (it.outcome === "skipped") {
    const forGood = it.blame === "message" ? "It cannot take this message at all" : "Not asked now";
    return {
      ...base,
      color: "gray",
      text: upper(`${name} was passed over: ${it.detail || "no reason given"}.`),
      why: `${forGood}; the next provider of the route has its turn.`,
    };
  }
  const { color, text } = OUTCOMES[it.outcome](then + name, it);
  return {
    ...base,
    color,
    text: upper(text),
    why: whyAsked(before, message),
    ...raw,
  };
}

const OUTCOMES: Record<
  Exclude<Attempt["outcome"], "skipped">,
  (name: string, it: Attempt) => { color: string; text: string }
> = {
  accepted: (name, it) => ({
    color: "green",
    text: `${name} took it in ${duration(it.duration_ms)}${mixed(it)}${idOf(it)}.`,
  }),
  deferred: (name, it) => ({
    color: "yellow",
    text: `${name} was asked and did not take it: ${answered(it)}. Nothing went out.`,
  }),
  refused: (name, it) => ({
    color: "red",
    text: `${name} refused ${REFUSED[it.blame ?? "message"]}: ${answered(it)}.`,
  }),
  unknown: (name, it) => ({
    color: "orange",
    text: `${name} was asked, and nobody knows whether it took it: ${answered(it)}.`,
  }),
};

const REFUSED = {
  provider: "to work for this sender",
  recipient: "the recipient for good",
  message: "the message for good",
} as const;

function answered(it: Attempt): string {
  const within = `after ${duration(it.duration_ms)}`;
  if (it.code !== null)
    return `it answered ${it.code} ${within}${it.detail ? `, “${it.detail}”` : ""}`;
  return it.detail ? `${it.detail}, ${within}` : `no answer ${within}`;
}

function mixed(it: Attempt): string {
  const others = it.recipients.filter(({ outcome }) => outcome !== "accepted").length;
  return others > 0
    ? ` for ${it.recipients.length - others} of ${it.recipients.length} recipients`
    : "";
}

function idOf(it: Attempt): string {
  return it.provider_message_id ? `, as ${it.provider_message_id}` : "";
}

/** Why this provider had its turn; `before` is the pass so far. */
function whyAsked(before: readonly Attempt[], message: Message): string {
  const last = before.at(-1);
  const route = `the route “${message.route}”`;
  if (!last) return `It stands first in ${route}.`;
  if (last.outcome === "skipped")
    return `It is next in ${route}, as ${last.provider} was passed over.`;
  if (last.outcome === "unknown") {
    return `It is next in ${route}; the message allows the risk of a duplicate.`;
  }
  if (last.outcome === "accepted")
    return `It was asked for those that ${last.provider} did not take.`;
  return `It is next in ${route}, as the failure was ${last.provider}'s own.`;
}

// ---------------------------------------------------------------- events

type Said = Pick<Step, "color" | "text" | "why">;

function inWords(event: Happening, last: Attempt | undefined, kinds: Kinds): Said | null {
  const data = event.data;
  const provider = textIn(data.provider);
  const name = provider ? providerName(provider, kinds) : "a provider";
  const detail = textIn(data.detail) ?? textIn(data.finding);
  const by = data.key_id ? " by somebody with a key" : "";
  switch (event.type) {
    case "message.queued":
      return { color: "blue", text: "It was accepted and stored safely." };
    case "message.scheduled": {
      const at = textIn(data.send_at);
      if (at)
        return {
          color: "indigo",
          text: `Its time was changed${by}: ${moment(at)}.`,
        };
      return {
        color: "indigo",
        text: "It was accepted and stored safely, to go out later.",
      };
    }
    case "message.deferred": {
      const next = textIn(data.next_attempt_at);
      const when = next ? ` The next attempt is due ${moment(next)}.` : "";
      return { color: "blue", text: `It went back to the queue.${when}` };
    }
    case "message.sent":
      // The attempt has said so already; not so when it was found out later.
      if (last?.outcome === "accepted") return null;
      return {
        color: "green",
        text: upper(`${name} turned out to have taken it.`),
      };
    case "message.unknown":
      return {
        color: "orange",
        text: "The outcome is unknown, so it is not sent again by itself.",
        why: "Sending it again could be a second mail; not sending it could be none.",
      };
    case "message.settling":
      return {
        color: "orange",
        text: `The gateway asked ${name} about it${said(detail)}.`,
      };
    case "message.retried":
      if (!data.key_id) {
        return {
          color: "blue",
          text: upper(`${name} never got it${said(detail)}: sent again.`),
        };
      }
      return {
        color: data.risk_duplicate ? "orange" : "blue",
        text: `A new attempt was asked for${by}${data.risk_duplicate ? ", at the risk of a duplicate" : ""}.`,
      };
    case "message.released":
      return { color: "blue", text: `It was released${by}.` };
    case "message.cancelled":
      return { color: "gray", text: `It was cancelled${by}.` };
    case "message.failed":
      return {
        color: "red",
        text: `It failed for good${last ? "" : said(detail)}.`,
      };
    case "message.expired":
      return {
        color: "red",
        text: "Its time ran out before a provider took it.",
      };
    default:
      return afterwards(event) ?? heard(event, detail);
  }
}

/** What a provider told about a recipient after it had taken the mail. */
function afterwards({ type, data }: Happening): Said | null {
  const tell = AFTERWARDS[type];
  if (!tell) return null;
  const [color, sentence] = tell(data);
  const who = textIn(data.recipient) ?? "the recipient";
  const words = [textIn(data.code) ?? numberIn(data.code), textIn(data.detail)];
  const why = words.filter(Boolean).join(" ");
  return {
    color,
    // A function, for a "$" of the address would be read as a pattern.
    text: upper(sentence.replace("%s", () => who)),
    ...(why && { why: `It said: ${why}` }),
  };
}

const AFTERWARDS: Partial<
  Record<Happening["type"], (data: Happening["data"]) => readonly [string, string]>
> = {
  "message.delivered": () => ["teal", "The mail server of %s took it."],
  "message.delayed": () => ["yellow", "The mail server of %s does not take it yet."],
  "message.bounced": ({ bounce_type }) => [
    "red",
    bounce_type === "hard" ? "It bounced for good from %s." : "It bounced from %s.",
  ],
  "message.rejected": () => ["red", "The provider did not send it to %s after all."],
  "message.complained": () => ["pink", "%s reported it as spam."],
  "message.unsubscribed": () => ["gray", "%s unsubscribed."],
  "message.opened": () => ["gray", "It was opened at %s, perhaps by a machine."],
  "message.clicked": ({ url }) => [
    "gray",
    `A link was followed at %s${textIn(url) ? `: ${textIn(url)}` : ""}.`,
  ],
};

/** Words of the API that this page does not know: told as they are. */
function heard(event: Happening, detail: string | undefined): Said {
  const [, word = event.type] = event.type.split(".");
  const who = textIn(event.data.recipient) ?? textIn(event.data.address);
  const about = who ? ` (${who})` : "";
  return { color: "gray", text: `${upper(word)}${about}${said(detail)}.` };
}

function said(detail: string | undefined): string {
  return detail ? `: ${detail}` : "";
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value ? value : undefined;
}

function numberIn(value: unknown): string | undefined {
  return typeof value === "number" ? String(value) : undefined;
}

function moment(at: string): string {
  return dateAndTime(new Date(at));
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
