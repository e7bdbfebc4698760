// What a mail in the sandbox says; the API describes it in words only.

import type { components } from "../../api/schema";

export type Envelope = components["schemas"]["SandboxEnvelope"];

export interface SandboxMailbox {
  address: string;
  name: string;
}

export interface SandboxFile {
  filename: string;
  content_type: string;
  size: number;
  /** Base64. */
  content: string;
  disposition: string;
  content_id: string | null;
}

export interface Contents {
  from: SandboxMailbox[];
  to: SandboxMailbox[];
  cc: SandboxMailbox[];
  bcc: SandboxMailbox[];
  reply_to: SandboxMailbox[];
  text: string | null;
  html: string | null;
  headers: { name: string; value: string }[];
  attachments: SandboxFile[];
  tags: string[];
  metadata: Record<string, string>;
}

/** The contents as this page knows them; whatever is missing is empty. */
export function contentsOf(raw: Record<string, unknown>): Contents {
  return { ...EMPTY, ...(raw as Partial<Contents>) };
}

const EMPTY: Contents = {
  from: [],
  to: [],
  cc: [],
  bcc: [],
  reply_to: [],
  text: null,
  html: null,
  headers: [],
  attachments: [],
  tags: [],
  metadata: {},
};

export function mailboxInWords({ address, name }: SandboxMailbox): string {
  return name ? `${name} <${address}>` : address;
}

/** The bytes of a file, to be saved. */
export function blobOf({ content, content_type }: SandboxFile): Blob {
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  return new Blob([bytes], { type: content_type });
}
