// The same request as a program makes it. The key is never written out: `$MAIL_SENDER_KEY`.
//
// Small files are written into the request; larger ones are read from disk by the program, so that
// an example stays something that a person can read and paste.

import type { MailRequest } from "./draft";

export interface Call {
  /** Such as `https://mail.example.com/v1/messages`. */
  url: string;
  headers: Readonly<Record<string, string>>;
  body: MailRequest;
}

const MAX_WRITTEN_OUT = 400;

/** A file that the program reads itself; stands where its base64 would. */
class FromDisk {
  constructor(readonly filename: string) {}
}

type Value = null | boolean | number | string | FromDisk | Value[] | { [name: string]: Value };

export function curlOf({ url, headers, body }: Call): string {
  const value = readable(body);
  // In a quoted here-document the shell touches nothing; to read files it has to look into it.
  const [delimiter, words] = hasFiles(value) ? ["JSON", SHELL_WORDS] : ["'JSON'", JSON_WORDS];
  const fields = Object.entries(headers).map(
    ([name, text]) => `  -H ${shellWord(`${name}: ${text}`)} \\`,
  );
  return [
    ...onKey(headers, "#"),
    `curl ${shellWord(url)} \\`,
    '  -H "Authorization: Bearer $MAIL_SENDER_KEY" \\',
    "  -H 'Content-Type: application/json' \\",
    ...fields,
    `  --data-binary @- <<${delimiter}`,
    written(value, words),
    "JSON",
  ].join("\n");
}

export function pythonOf({ url, headers, body }: Call): string {
  const value = readable(body);
  const words: Words = {
    ...JSON_WORDS,
    true: "True",
    false: "False",
    null: "None",
    indent: "    ",
    last: ",",
    file: (filename) => `base64.b64encode(Path(${quoted(filename)}).read_bytes()).decode()`,
  };
  const fields = Object.entries(headers).map(
    ([name, text]) => `        ${quoted(name)}: ${quoted(text)},`,
  );
  return [
    ...(hasFiles(value) ? ["import base64"] : []),
    "import os",
    ...(hasFiles(value) ? ["from pathlib import Path"] : []),
    "",
    "import httpx",
    "",
    ...onKey(headers, "#"),
    "response = httpx.post(",
    `    ${quoted(url)},`,
    "    headers={",
    '        "Authorization": f"Bearer {os.environ[\'MAIL_SENDER_KEY\']}",',
    ...fields,
    "    },",
    `    json=${indented(written(value, words), "    ")},`,
    `    timeout=${patience(headers, body)},`,
    ")",
    "print(response.status_code, response.json())",
    "",
  ].join("\n");
}

export function javascriptOf({ url, headers, body }: Call): string {
  const value = readable(body);
  const words: Words = {
    ...JSON_WORDS,
    last: ",",
    file: (filename) => `readFileSync(${quoted(filename)}).toString("base64")`,
  };
  const fields = Object.entries(headers).map(
    ([name, text]) => `    ${quoted(name)}: ${quoted(text)},`,
  );
  return [
    ...(hasFiles(value) ? ['import { readFileSync } from "node:fs";', ""] : []),
    ...onKey(headers, "//"),
    `const response = await fetch(${quoted(url)}, {`,
    '  method: "POST",',
    "  headers: {",
    "    Authorization: `Bearer ${process.env.MAIL_SENDER_KEY}`,",
    '    "Content-Type": "application/json",',
    ...fields,
    "  },",
    `  body: JSON.stringify(${indented(written(value, words), "  ")}),`,
    "});",
    "console.log(response.status, await response.json());",
    "",
  ].join("\n");
}

function onKey(headers: Call["headers"], mark: string): string[] {
  if (!("Idempotency-Key" in headers)) return [];
  return [
    `${mark} A key for each mail: when it is repeated,`,
    `${mark} nothing is sent a second time.`,
  ];
}

/** Seconds that a client must wait at least for an answer that may be held. */
function patience(headers: Call["headers"], body: MailRequest): number {
  const held = Number(/^wait=(\d+)/.exec(headers.Prefer ?? "")?.[1] ?? 0);
  return 10 + (body.mode === "sync" ? (body.timeout ?? 30) : held);
}

// ---------------------------------------------------------------- values

function readable(body: MailRequest): Value {
  const attachments = body.attachments?.map((file) => ({
    ...file,
    content:
      file.content.length > MAX_WRITTEN_OUT ? new FromDisk(baseName(file.filename)) : file.content,
  }));
  return { ...body, ...(attachments && { attachments }) };
}

/** The program runs beside the file: no directories, whatever the attachment is called. */
function baseName(filename: string): string {
  return filename.split(/[/\\]/).at(-1) || "file";
}

function hasFiles(value: Value): boolean {
  if (value instanceof FromDisk) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasFiles);
}

interface Words {
  true: string;
  false: string;
  null: string;
  indent: string;
  /** Behind the last of a list: a comma where the language's formatters put one. */
  last: string;
  text: (text: string) => string;
  file: (filename: string) => string;
}

/**
 * A text in double quotes. JSON's form is also a text in JavaScript (ECMAScript 2019) and in
 * Python, with the same escapes; separators that editors take for line ends are escaped as well.
 */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const JSON_WORDS: Words = {
  true: "true",
  false: "false",
  null: "null",
  indent: "  ",
  last: "",
  text: quoted,
  file: quoted,
};

function written(value: Value, words: Words): string {
  if (value === null) return words.null;
  if (typeof value === "boolean") return value ? words.true : words.false;
  if (typeof value === "number") return String(value);
  if (value instanceof FromDisk) return words.file(value.filename);
  if (typeof value === "string") return words.text(value);
  const isList = Array.isArray(value);
  const lines = isList
    ? value.map((each) => written(each, words))
    : Object.entries(value).map(([name, each]) => `${words.text(name)}: ${written(each, words)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (lines.length === 0) return open + close;
  const inner = lines.map((line) => words.indent + indented(line, words.indent)).join(",\n");
  return `${open}\n${inner}${words.last}\n${close}`;
}

function indented(code: string, by: string): string {
  return code.replaceAll("\n", `\n${by}`);
}

// ---------------------------------------------------------------- the shell (POSIX, XCU 2.2)

/** One word, whatever stands in it: nothing is special between single quotes but their end. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** JSON in a here-document that the shell looks into: `\`, `$` and backticks mean themselves. */
const SHELL_WORDS: Words = {
  ...JSON_WORDS,
  text: (text) => quoted(text).replace(/[\\$`]/g, "\\$&"),
  file: (filename) => `"$(base64 < ${shellWord(`./${filename}`)} | tr -d '\\n')"`,
};
