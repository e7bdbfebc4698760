// A mail while it is being written, and the request that it becomes.

import type { SendRequest } from "../../api/types";

/** What the page can ask for: everything that the API takes. */
export type MailRequest = Omit<SendRequest, "template">;

export interface Pair {
  id: string;
  name: string;
  value: string;
}

export interface DraftFile {
  id: string;
  filename: string;
  contentType: string;
  size: number;
  /** Base64. */
  content: string;
  isInline: boolean;
  /** What `cid:` links in the HTML call it; empty: nothing calls it. */
  contentId: string;
}

export type Span = "seconds" | "minutes" | "hours" | "days";

export interface Draft {
  from: string;
  to: string[];
  cc: string[];
  bcc: string[];
  replyTo: string[];
  subject: string;
  text: string;
  html: string;
  files: DraftFile[];
  headers: Pair[];
  tags: string[];
  metadata: Pair[];
  /** As `<input type="datetime-local">` has it: the reader's own zone; empty: now. */
  sendAt: string;
  giveUpAfter: number | null;
  giveUpSpan: Span;
  priority: "high" | "normal" | "low";
  /** Empty: the default. */
  route: string;
  onUnknown: "" | "wait" | "risk_duplicate";
  mode: "async" | "sync";
  /** Seconds that a sync request waits. */
  timeout: number | null;
  /** Seconds that an async answer is held for a result. */
  wait: number | null;
  /** Empty: without. */
  idempotencyKey: string;
}

/** A random name; works without a secure context, where `crypto.randomUUID` is missing. */
export function freshId(prefix: string): string {
  const chance = crypto.getRandomValues(new Uint8Array(12));
  return prefix + Array.from(chance, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A key that no other mail has. */
export function freshKey(): string {
  return freshId("compose-");
}

export function emptyDraft(from = ""): Draft {
  return {
    from,
    to: [],
    cc: [],
    bcc: [],
    replyTo: [],
    subject: "",
    text: "",
    html: "",
    files: [],
    headers: [],
    tags: [],
    metadata: [],
    sendAt: "",
    giveUpAfter: null,
    giveUpSpan: "minutes",
    priority: "normal",
    route: "",
    onUnknown: "",
    mode: "async",
    timeout: null,
    wait: null,
    idempotencyKey: freshKey(),
  };
}

/** Whether throwing the draft away would lose something that a person wrote. */
export function isUntouched(draft: Draft): boolean {
  const { from, idempotencyKey } = draft;
  return JSON.stringify(draft) === JSON.stringify({ ...emptyDraft(from), idempotencyKey });
}

const SECONDS: Record<Span, number> = { seconds: 1, minutes: 60, hours: 3_600, days: 86_400 };

/** The body of `POST /v1/messages`; what was left empty is left out. */
export function requestOf(draft: Draft): MailRequest {
  const isSync = draft.mode === "sync";
  return withoutEmpty({
    from: draft.from.trim(),
    to: draft.to,
    cc: draft.cc,
    bcc: draft.bcc,
    reply_to: draft.replyTo,
    subject: draft.subject,
    text: draft.text,
    html: draft.html,
    attachments: draft.files.map(attachmentOf),
    headers: recordOf(draft.headers),
    tags: draft.tags,
    metadata: recordOf(draft.metadata),
    send_at: draft.sendAt ? momentOf(draft.sendAt) : null,
    give_up_after:
      draft.giveUpAfter === null ? null : draft.giveUpAfter * SECONDS[draft.giveUpSpan],
    priority: draft.priority === "normal" ? null : draft.priority,
    route: draft.route,
    on_unknown: draft.onUnknown || null,
    mode: isSync ? "sync" : null,
    timeout: isSync ? draft.timeout : null,
  });
}

/** The header fields of the request that a draft asks for. */
export function headersOf(draft: Draft): { "Idempotency-Key"?: string; Prefer?: string } {
  const key = draft.idempotencyKey.trim();
  return {
    ...(key && { "Idempotency-Key": key }),
    ...(draft.mode === "async" && draft.wait !== null && { Prefer: `wait=${draft.wait}` }),
  };
}

function attachmentOf(file: DraftFile): NonNullable<MailRequest["attachments"]>[number] {
  return {
    filename: file.filename,
    content_type: file.contentType,
    content: file.content,
    ...(file.contentId && { content_id: file.contentId }),
    ...(file.isInline && { disposition: "inline" as const }),
  };
}

function recordOf(pairs: readonly Pair[]): Record<string, string> {
  return Object.fromEntries(
    pairs.filter(({ name }) => name.trim()).map(({ name, value }) => [name.trim(), value]),
  );
}

/** A moment that cannot be read goes on as it is: the gateway says what is wrong with it. */
function momentOf(local: string): string {
  const date = new Date(local);
  return Number.isNaN(date.getTime()) ? local : date.toISOString();
}

function withoutEmpty(request: MailRequest): MailRequest {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
