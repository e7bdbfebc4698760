// What is wrong with a draft, and at which of its fields it is shown.

import { faultOfMailbox } from "../../parts/mailboxes";
import { escapedToken, type Fault, faultAt, isBelow } from "../../parts/pointers";
import type { Draft, Pair } from "./draft";

/** The pointer below which the faults of each part of a draft stand. */
export const POINTERS: Record<keyof Draft, string> = {
  from: "/from",
  to: "/to",
  cc: "/cc",
  bcc: "/bcc",
  replyTo: "/reply_to",
  subject: "/subject",
  text: "/text",
  html: "/html",
  files: "/attachments",
  headers: "/headers",
  tags: "/tags",
  metadata: "/metadata",
  sendAt: "/send_at",
  giveUpAfter: "/give_up_after",
  giveUpSpan: "/give_up_after",
  priority: "/priority",
  route: "/route",
  onUnknown: "/on_unknown",
  mode: "/mode",
  timeout: "/timeout",
  wait: "#/header/Prefer",
  idempotencyKey: "#/header/Idempotency-Key",
};

const LABELS: Record<string, string> = {
  "/from": "From",
  "/to": "To",
  "/cc": "Cc",
  "/bcc": "Bcc",
  "/reply_to": "Reply-To",
  "/subject": "Subject",
  "/text": "Text",
  "/html": "HTML",
  "/attachments": "Attachments",
  "/headers": "Headers",
  "/tags": "Tags",
  "/metadata": "Metadata",
  "/send_at": "Send at",
  "/give_up_after": "Give up after",
  "/route": "Route",
  "/timeout": "Wait at most",
  "#/header/Prefer": "Wait for a result",
  "#/header/Idempotency-Key": "Idempotency key",
};

/** What the field that a fault belongs to is called on the page. */
export function labelOf(pointer: string): string {
  const field = Object.keys(LABELS).find((each) => isBelow(pointer, each));
  return (field && LABELS[field]) ?? pointer;
}

/** What we see ourselves, before the gateway is asked. */
export function faultsOf(draft: Draft): Fault[] {
  return [
    ...senderFaults(draft),
    ...recipientFaults(draft),
    ...(draft.text || draft.html
      ? []
      : [{ pointer: "/text", detail: "Write a text, or HTML, or both." }]),
    ...pairFaults("/headers", draft.headers),
    ...pairFaults("/metadata", draft.metadata),
    ...keyFaults(draft.idempotencyKey),
  ];
}

function senderFaults({ from }: Draft): Fault[] {
  const detail = from.trim() ? faultOfMailbox(from) : null;
  return detail ? [{ pointer: "/from", detail }] : [];
}

function recipientFaults(draft: Draft): Fault[] {
  if (draft.to.length + draft.cc.length + draft.bcc.length === 0) {
    return [{ pointer: "/to", detail: "Name at least one recipient, here or in Cc or Bcc." }];
  }
  return (["to", "cc", "bcc", "replyTo"] as const).flatMap((field) =>
    draft[field].flatMap((mailbox, index) => {
      const detail = faultOfMailbox(mailbox);
      return detail ? [{ pointer: `${POINTERS[field]}/${index}`, detail }] : [];
    }),
  );
}

function pairFaults(pointer: string, pairs: readonly Pair[]): Fault[] {
  const names = pairs.map(({ name }) => name.trim());
  return pairs.flatMap(({ value }, index) => {
    const name = names[index] ?? "";
    if (!name) return value ? [{ pointer, detail: `The value “${value}” has no name.` }] : [];
    if (names.indexOf(name) === index) return [];
    return [{ pointer: `${pointer}/${escapedToken(name)}`, detail: "stands here twice" }];
  });
}

function keyFaults(key: string): Fault[] {
  if (/^[ -~]{0,255}$/.test(key)) return [];
  return [
    { pointer: "#/header/Idempotency-Key", detail: "At most 255 printable ASCII characters." },
  ];
}

/** Every fault once, named by its field and the part of it. */
export function described(
  faults: readonly Fault[],
  draft: Draft,
): { label: string; detail: string }[] {
  const fields = [...new Set(Object.values(POINTERS))];
  return [
    ...fields.flatMap((field) => {
      const detail = faultAt(faults, field, partsOf(draft, field));
      return detail === null ? [] : [{ label: labelOf(field), detail }];
    }),
    ...homeless(faults).map(({ pointer, detail }) => ({ label: labelOf(pointer), detail })),
  ];
}

/** The names of a field's parts, by index. */
function partsOf(draft: Draft, field: string): readonly string[] {
  switch (field) {
    case "/to":
      return draft.to;
    case "/cc":
      return draft.cc;
    case "/bcc":
      return draft.bcc;
    case "/reply_to":
      return draft.replyTo;
    case "/tags":
      return draft.tags;
    case "/attachments":
      return draft.files.map(({ filename }) => filename);
    default:
      return [];
  }
}

/** The faults that still stand after a part of the draft was changed. */
export function withoutFaultsOf(faults: readonly Fault[], changed: Partial<Draft>): Fault[] {
  const fields = (Object.keys(changed) as (keyof Draft)[]).map((field) => POINTERS[field]);
  // Whether there is a recipient, or a body, hangs on several fields at once.
  if (changed.cc || changed.bcc) fields.push("/to");
  if (changed.html !== undefined) fields.push("/text");
  return faults.filter(({ pointer }) => !fields.some((field) => isBelow(pointer, field)));
}

/** The faults that belong to no field of the page. */
export function homeless(faults: readonly Fault[]): Fault[] {
  const fields = Object.values(POINTERS);
  return faults.filter(({ pointer }) => !fields.some((field) => isBelow(pointer, field)));
}
