// The search line: its words, as `src/mail_sender/api/search.py` reads them, and what could be
// typed next. Pure.

import type { MessageStatus } from "../../api/types";
import { MESSAGE_WORDS } from "../../parts/words";

export interface Filter {
  name: FilterName;
  meaning: string;
  example: string;
}

export type FilterName =
  "to" | "from" | "subject" | "status" | "tag" | "provider" | "key" | "since" | "until";

export const FILTERS: readonly Filter[] = [
  {
    name: "to",
    meaning: "Part of a recipient's address",
    example: "to:example.net",
  },
  {
    name: "from",
    meaning: "Part of the sender's address",
    example: "from:shop@",
  },
  {
    name: "subject",
    meaning: "Part of the subject",
    example: 'subject:"order 7"',
  },
  {
    name: "status",
    meaning: "One or several states, with commas",
    example: "status:failed,expired",
  },
  { name: "tag", meaning: "A whole tag", example: "tag:invoices" },
  { name: "provider", meaning: "Who took it last", example: "provider:ses" },
  {
    name: "key",
    meaning: "Id of the API key that sent it",
    example: "key:key_01JZ…",
  },
  {
    name: "since",
    meaning: "Accepted at or after (UTC day or time)",
    example: "since:2030-01-31",
  },
  {
    name: "until",
    meaning: "Accepted before (UTC day or time)",
    example: "until:2030-02-01",
  },
];

export interface Word {
  /** What stands before the colon; null for a word that is looked for in the subject. */
  name: string | null;
  value: string;
  start: number;
  end: number;
}

const WORD = /(?:([\p{L}\p{N}_]+):)?(?:"([^"]*)"|(\S+))/gu;

export function wordsOf(line: string): Word[] {
  return Array.from(line.matchAll(WORD), (found) => ({
    name: found[1] ?? null,
    value: found[2] ?? found[3] ?? "",
    start: found.index,
    end: found.index + found[0].length,
  }));
}

/** The statuses that the line asks for; empty when it does not ask. */
export function statusesOf(line: string): string[] {
  const word = wordsOf(line).find(({ name }) => name === "status");
  return word ? word.value.split(",").filter(Boolean) : [];
}

/** The line with `name:value` instead of what it said of `name`; without, when there is no value. */
export function withWord(line: string, name: FilterName, value: string | null): string {
  const others = wordsOf(line).filter((word) => word.name !== name);
  const kept = others.map(({ start, end }) => line.slice(start, end));
  return [...kept, ...(value ? [`${name}:${quoted(value)}`] : [])].join(" ");
}

export function quoted(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value;
}

// ---------------------------------------------------------------- suggestions

export interface Suggestion {
  /** What is added, as it will stand in the line. */
  text: string;
  meaning: string;
  /** The line and the caret once it is taken. */
  line: string;
  caret: number;
  /** Whether the word is whole then, so that the search can be made. */
  isWhole: boolean;
}

export type Known = Partial<Record<FilterName, readonly { value: string; meaning: string }[]>>;

export const STATUS_VALUES = (Object.keys(MESSAGE_WORDS) as MessageStatus[]).map((value) => ({
  value,
  meaning: MESSAGE_WORDS[value].meaning,
}));

/** What could be typed at the caret: the words first, then the values that are known. */
export function suggestionsFor(line: string, caret: number, known: Known): Suggestion[] {
  const start = startOfWord(line, caret);
  const typed = line.slice(start, caret);
  const colon = typed.indexOf(":");
  if (colon < 0) return names(line, start, caret, typed);
  const filter = FILTERS.find(({ name }) => name === typed.slice(0, colon));
  if (!filter) return [];
  const value = typed.slice(colon + 1).replace(/^"/, "");
  const comma = filter.name === "status" ? value.lastIndexOf(",") + 1 : 0;
  const before = value.slice(0, comma);
  const given = new Set(before.split(","));
  return (known[filter.name] ?? [])
    .filter(({ value: each }) => !given.has(each) && hasBeginning(each, value.slice(comma)))
    .map(({ value: each, meaning }) => {
      const text = `${filter.name}:${quoted(before + each)}`;
      return {
        text,
        meaning,
        isWhole: true,
        ...put(line, start, caret, `${text} `),
      };
    });
}

function names(line: string, start: number, caret: number, typed: string): Suggestion[] {
  const given = new Set(wordsOf(line).map(({ name }) => name));
  return FILTERS.filter(({ name }) => !given.has(name) && hasBeginning(name, typed)).map(
    ({ name, meaning }) => ({
      text: `${name}:`,
      meaning,
      isWhole: false,
      ...put(line, start, caret, `${name}:`),
    }),
  );
}

function put(line: string, start: number, caret: number, text: string) {
  const rest = line.slice(caret).trimStart();
  return {
    line: line.slice(0, start) + text + rest,
    caret: start + text.length,
  };
}

function hasBeginning(text: string, beginning: string): boolean {
  return text.toLowerCase().startsWith(beginning.toLowerCase()) && text !== beginning;
}

function startOfWord(line: string, caret: number): number {
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < caret; at++) {
    if (line[at] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /\s/.test(line[at] ?? "")) start = at + 1;
  }
  return start;
}

// ---------------------------------------------------------------- faults

/** A fault that the API found in the search, as a sentence; a pointer tells nobody anything. */
export function faultInWords({ pointer, detail }: { pointer: string; detail: string }): string {
  const field = pointer.split("/").at(-1) ?? "";
  const said = field === "q" || field === "" ? detail : `${field}: ${detail}`;
  const near = nearest(/^there is no (\w+):/.exec(said)?.[1] ?? "");
  const hint = near ? ` Did you mean ${near}:?` : "";
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.${hint}`;
}

function nearest(name: string): FilterName | undefined {
  if (name.length < 2) return undefined;
  return FILTERS.find((each) => each.name.startsWith(name.slice(0, 2).toLowerCase()))?.name;
}
