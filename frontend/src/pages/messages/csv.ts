// Messages as a table for a spreadsheet (RFC 4180, UTF-8 with a mark so that it is read as such).

import type { Message } from "../../api/types";

export const BYTE_ORDER_MARK = "\uFEFF";

const COLUMNS: readonly (readonly [string, (message: Message) => string | number | null])[] = [
  ["id", (it) => it.id],
  ["status", (it) => it.status],
  ["created_at", (it) => it.created_at],
  ["updated_at", (it) => it.updated_at],
  ["from", (it) => it.from],
  ["to", (it) => it.to.join(", ")],
  ["cc", (it) => it.cc.join(", ")],
  ["bcc", (it) => it.bcc.join(", ")],
  ["subject", (it) => it.subject],
  ["tags", (it) => it.tags.join(" ")],
  ["metadata", (it) => (Object.keys(it.metadata).length ? JSON.stringify(it.metadata) : "")],
  ["route", (it) => it.route],
  ["priority", (it) => it.priority],
  ["provider", (it) => it.provider],
  ["provider_message_id", (it) => it.provider_message_id],
  ["attempts", (it) => it.attempts.filter(({ outcome }) => outcome !== "skipped").length],
  ["last_answer", (it) => it.attempts.at(-1)?.detail ?? ""],
  ["send_at", (it) => it.send_at],
  ["next_attempt_at", (it) => it.next_attempt_at],
];

export const CSV_HEAD = line(COLUMNS.map(([name]) => name));

export function csvOf(messages: readonly Message[]): string {
  return messages.map((it) => line(COLUMNS.map(([, value]) => cell(value(it))))).join("");
}

/**
 * A cell that a spreadsheet shows and does not run: a subject that begins with `=` is a formula to
 * it, and anybody who can send us mail could write one (CWE-1236).
 */
export function cell(value: string | number | null): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function line(cells: readonly string[]): string {
  return `${cells.join(",")}\r\n`;
}
