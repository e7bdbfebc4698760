// The test box's form as a request to explain. Pure.

import type { components } from "../../api/schema";
import type { SendRequest } from "../../api/types";

export type Priority = components["schemas"]["Priority"];

export interface Draft {
  from: string;
  to: string;
  tags: string;
  attachmentMb: number;
  priority: Priority;
  /** Empty: by the routing rules. */
  route: string;
}

export const FIRST_DRAFT: Draft = {
  from: "shop@example.com",
  to: "ann@example.net",
  tags: "",
  attachmentMb: 0,
  priority: "normal",
  route: "",
};

export type Mail = Omit<SendRequest, "template">;

export function requestOf(draft: Draft): Mail {
  const tags = listIn(draft.tags);
  return {
    ...(draft.from.trim() && { from: draft.from.trim() }),
    to: listIn(draft.to),
    subject: "Where would this go?",
    text: "This is never sent.",
    priority: draft.priority,
    ...(tags.length > 0 && { tags }),
    ...(draft.route && { route: draft.route }),
    ...(draft.attachmentMb > 0 && { attachments: [attachmentOf(draft.attachmentMb)] }),
  };
}

/** Words between commas, semicolons or line breaks. */
export function listIn(text: string): string[] {
  return text
    .split(/[,;\n]/)
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

const MB = 1024 ** 2;

/** Zeros of the wanted size: base64 writes three octets as four letters (RFC 4648 section 4). */
function attachmentOf(mb: number) {
  const letters = Math.ceil((mb * MB) / 3) * 4;
  return {
    filename: "attachment.bin",
    content_type: "application/octet-stream",
    content: "A".repeat(letters),
  };
}

/** Which field of the form a fault of the API belongs to; null for none of them. */
export function fieldOf(pointer: string): keyof Draft | null {
  const [, name] = pointer.split("/");
  return FIELDS.find((field) => field === name) ?? (name === "attachments" ? "attachmentMb" : null);
}

const FIELDS = ["from", "to", "tags", "priority", "route"] as const;
