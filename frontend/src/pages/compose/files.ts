// Files from the reader's disk, as attachments.

import { type DraftFile, freshId } from "./draft";

/** Throws where the browser cannot read the file, such as one that was deleted meanwhile. */
export async function draftFileOf(file: File): Promise<DraftFile> {
  return {
    id: freshId("file-"),
    filename: file.name,
    contentType: file.type || "application/octet-stream",
    size: file.size,
    content: base64Of(new Uint8Array(await file.arrayBuffer())),
    isInline: false,
    contentId: "",
  };
}

const CHUNK = 0x8000;

/** RFC 4648 section 4; in chunks, since a call takes only so many arguments. */
export function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}

/** A name for `cid:` links, made of the file's own: `Logo (1).png` as `logo-1`. */
export function contentIdFor(filename: string, taken: readonly string[]): string {
  const name =
    filename
      .replace(/\.[^.]*$/, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "") || "file";
  let id = name;
  for (let number = 2; taken.includes(id); number += 1) id = `${name}-${number}`;
  return id;
}
