import { describe, expect, it } from "vitest";
import type { Attempt, Message } from "../api/types";
import { detoursIn } from "./detours";

const attempt = (provider: string, of: Partial<Attempt>): Attempt => ({
  number: 1,
  provider,
  started_at: "2026-03-01T12:00:00Z",
  duration_ms: 5,
  outcome: "accepted",
  blame: null,
  code: null,
  enhanced_code: null,
  detail: "",
  provider_message_id: null,
  recipients: [],
  ...of,
});

const message = (id: string, provider: string | null, ...attempts: Attempt[]) =>
  ({ id, provider, attempts }) as Message;

const failed = (detail: string, at = "2026-03-01T12:00:00Z") =>
  attempt("ses", { outcome: "deferred", blame: "provider", detail, started_at: at });

describe("detours", () => {
  it("are gathered by their way, with the newest reason, so that an outage is one line", () => {
    const found = detoursIn([
      message("c", "mailgun", failed("503", "2026-03-01T12:05:00Z"), attempt("mailgun", {})),
      message("b", "relay", failed("503"), attempt("relay", {})),
      message("a", "mailgun", failed("429", "2026-03-01T12:01:00Z"), attempt("mailgun", {})),
    ]);
    expect(found).toEqual([
      { from: "ses", to: "mailgun", at: "2026-03-01T12:05:00Z", why: "503", messages: ["c", "a"] },
      { from: "ses", to: "relay", at: "2026-03-01T12:00:00Z", why: "503", messages: ["b"] },
    ]);
  });

  it("count a provider that was passed over, since its mail went elsewhere too", () => {
    const skipped = attempt("ses", { outcome: "skipped", detail: "out of service: 503" });
    expect(detoursIn([message("a", "mailgun", skipped, attempt("mailgun", {}))])).toHaveLength(1);
  });

  it("leave out failures that are not the provider's, and retries that it took in the end", () => {
    const refused = attempt("ses", { outcome: "refused", blame: "recipient" });
    expect(detoursIn([message("a", null, refused)])).toEqual([]);
    expect(detoursIn([message("b", "ses", failed("503"), attempt("ses", {}))])).toEqual([]);
  });

  it("leave out a mail that waits for evidence: no other provider is asked for it", () => {
    expect(detoursIn([message("a", null, attempt("ses", { outcome: "unknown" }))])).toEqual([]);
  });

  it("lead nowhere as long as nobody else took the mail", () => {
    expect(detoursIn([message("a", null, failed("503"))])[0]).toMatchObject({ to: null });
  });
});
