import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Call, curlOf, javascriptOf, pythonOf, shellWord } from "./examples";

// Whatever breaks quoting in one of the three languages.
const NASTY = `it's "so" \\ \\n $HOME \`id\` $(id) %s 'x' \${y} #{z}\r\nnext\ttab – ü 日本 😀 \u2028 JSON\nJSON\n{0} </script>`;

const CALL: Call = {
  url: "https://mail.example.com/v1/messages",
  headers: { "Idempotency-Key": `o'order "7"`, Prefer: "wait=5" },
  body: {
    from: `"O'Hara, \\"Bo\\"" <bo@example.com>`,
    to: ["ann@example.net"],
    subject: NASTY,
    text: NASTY,
    metadata: { [NASTY]: NASTY },
    give_up_after: 600,
  },
};

const CONTENT = "x".repeat(2_000);
const WITH_FILE: Call = {
  ...CALL,
  body: {
    ...CALL.body,
    attachments: [
      {
        filename: "o'r $(d) ü.txt",
        content_type: "text/plain",
        content: Buffer.from(CONTENT).toString("base64"),
      },
    ],
  },
};

const ENVIRONMENT = {
  PATH: process.env.PATH,
  MAIL_SENDER_KEY: "secret",
  LC_ALL: "C.UTF-8",
  PYTHONIOENCODING: "utf-8",
};

/** Runs the shell code with a `curl` that prints what it was given. */
function runShell(code: string): { args: string[]; body: unknown } {
  const directory = mkdtempSync(join(tmpdir(), "examples-"));
  try {
    writeFileSync(join(directory, "o'r $(d) ü.txt"), CONTENT);
    const fake = `curl() { for each; do printf '%s\\0' "$each"; done; cat; }\n`;
    const out = execFileSync("sh", ["-c", fake + code], {
      cwd: directory,
      env: ENVIRONMENT,
    }).toString();
    const args = out.split("\0");
    return { args, body: JSON.parse(args.at(-1) ?? "") };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Seen {
  headers: unknown;
  body: unknown;
}

function runPython(code: string): Seen {
  const fake = `
import json, sys, types
class Answer:
    status_code = 200
    def json(self): return None
def post(url, **given):
    print(json.dumps({"headers": given["headers"], "body": given["json"]}))
    return Answer()
sys.modules["httpx"] = types.SimpleNamespace(post=post)
sys.modules["pathlib"] = types.SimpleNamespace(
    Path=lambda name: types.SimpleNamespace(read_bytes=lambda: b"x" * 2000)
)
`;
  const out = execFileSync("python3", ["-"], { input: fake + code, env: ENVIRONMENT }).toString();
  return JSON.parse(out.split("\n")[0] ?? "") as Seen;
}

function runJavaScript(code: string): Seen {
  const fake = `
globalThis.fetch = async (url, { headers, body }) => {
  console.log(JSON.stringify({ headers, body: JSON.parse(body) }));
  return { status: 200, json: async () => null };
};
`;
  const whole = fake + code.replace("readFileSync(", "((name) => Buffer.alloc(2000, 'x'))(");
  const out = execFileSync(process.execPath, ["--input-type=module", "-"], {
    input: whole,
    env: ENVIRONMENT,
  }).toString();
  return JSON.parse(out.split("\n")[0] ?? "") as Seen;
}

const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("the request for the shell", () => {
  it("reaches curl as it was written, whatever characters it holds", () => {
    const { args, body } = runShell(curlOf(CALL));
    expect(body).toEqual(CALL.body);
    expect(args).toContain(CALL.url);
    expect(args).toContain("Authorization: Bearer secret");
    expect(args).toContain(`Idempotency-Key: o'order "7"`);
    expect(args).toContain("Prefer: wait=5");
  });

  it("reads a larger file from disk, and still lets no character of the mail act", () => {
    const code = curlOf(WITH_FILE);
    expect(code).not.toContain("eHh4eHh4");
    expect(runShell(code).body).toEqual(WITH_FILE.body);
  });

  it("puts any text into one word", () => {
    for (const text of [NASTY, "", "'", "''", "-x", "a\nb"]) {
      expect(execFileSync("sh", ["-c", `printf '%s.' ${shellWord(text)}`]).toString()).toBe(
        `${text}.`,
      );
    }
  });
});

describe("the request for Python", () => {
  it.runIf(hasPython)("sends what was written, whatever characters it holds", () => {
    const { headers, body } = runPython(pythonOf(CALL));
    expect(body).toEqual(CALL.body);
    expect(headers).toEqual({ Authorization: "Bearer secret", ...CALL.headers });
  });

  it.runIf(hasPython)("reads a larger file from disk", () => {
    expect(runPython(pythonOf(WITH_FILE)).body).toEqual(WITH_FILE.body);
  });

  it("waits longer than the gateway may hold the answer", () => {
    expect(pythonOf(CALL)).toContain("timeout=15,");
    const sync = { ...CALL, headers: {}, body: { ...CALL.body, mode: "sync" as const } };
    expect(pythonOf(sync)).toContain("timeout=40,");
  });
});

describe("the request for JavaScript", () => {
  it("sends what was written, whatever characters it holds", () => {
    const { headers, body } = runJavaScript(javascriptOf(CALL));
    expect(body).toEqual(CALL.body);
    expect(headers).toMatchObject({ Authorization: "Bearer secret", ...CALL.headers });
  });

  it("reads a larger file from disk", () => {
    expect(runJavaScript(javascriptOf(WITH_FILE)).body).toEqual(WITH_FILE.body);
  });
});

describe("every example", () => {
  it("names the variable that holds the key, and holds no key", () => {
    for (const code of [curlOf(CALL), pythonOf(CALL), javascriptOf(CALL)]) {
      expect(code).toContain("MAIL_SENDER_KEY");
      expect(code).not.toMatch(/ms_(live|test)_/);
    }
  });
});
