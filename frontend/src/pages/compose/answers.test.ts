import { describe, expect, it } from "vitest";
import { ApiProblem, Unreachable } from "../../api/problem";
import type { Message } from "../../api/types";
import { messageIn, refusalFor, wordsFor } from "./answers";

const MESSAGE: Message = {
  id: "msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2",
  mode: "async",
  status: "queued",
  priority: "normal",
  route: "default",
  from: "shop@example.com",
  subject: "Order 7",
  to: ["ann@example.net"],
  cc: [],
  bcc: [],
  tags: [],
  metadata: {},
  created_at: "2030-01-01T09:30:00Z",
  updated_at: "2030-01-01T09:30:00Z",
  send_at: null,
  give_up_at: "2030-01-02T05:30:00Z",
  next_attempt_at: null,
  provider: null,
  provider_message_id: null,
  recipients: [],
  attempts: [],
};

const attempt = (blame: "provider" | "recipient"): Message["attempts"][number] => ({
  number: 1,
  provider: "ses",
  started_at: "2030-01-01T09:30:00Z",
  duration_ms: 10,
  outcome: "refused",
  blame,
  code: 550,
  enhanced_code: null,
  detail: "no",
  provider_message_id: null,
  recipients: [],
});

const said = (change: Partial<Message>, isReplayed = false) =>
  wordsFor({ message: { ...MESSAGE, ...change }, status: 200, isReplayed });

describe("what became of a mail", () => {
  it("tells stored from sent, since a 202 is a promise and no delivery", () => {
    expect(said({}).title).toBe("Stored safely");
    expect(said({ status: "sent", provider: "ses" }).title).toBe("Sent: ses took it");
    expect(said({ status: "scheduled" }).tone).toBe("waiting");
  });

  it("warns of a second mail where nobody knows, and never calls it a failure", () => {
    const words = said({ mode: "sync", status: "unknown" });
    expect(words.tone).toBe("doubt");
    expect(words.detail).toMatch(/not sent again by itself/);
  });

  it("says that sending again is safe only when every provider failed by itself", () => {
    const sync = { mode: "sync", status: "failed" } as const;
    expect(said({ ...sync, attempts: [attempt("provider")] }).detail).toMatch(/safe to send/);
    expect(said({ ...sync, attempts: [attempt("recipient")] }).detail).not.toMatch(/safe to send/);
  });

  it("says that a repeated request sent nothing", () => {
    expect(said({ status: "sent" }, true).detail).toMatch(/nothing was sent a second time/);
  });
});

describe("a problem", () => {
  it("of a sync mail carries its message, so that it can be looked at", () => {
    const error = new ApiProblem(503, { code: "not_sent", message: MESSAGE } as object, null);
    expect(messageIn(error)).toEqual(MESSAGE);
    expect(messageIn(new ApiProblem(422, { code: "invalid_message" }, null))).toBeNull();
    expect(messageIn(new Unreachable())).toBeNull();
  });

  it("without an answer invites to send again under the same key", () => {
    expect(refusalFor(new Unreachable()).detail).toMatch(/goes out once/);
  });

  it("of a used key asks for a key of its own", () => {
    const error = new ApiProblem(422, { code: "idempotency_mismatch" }, null);
    expect(refusalFor(error).needsNewKey).toBe(true);
  });

  it("that passes says when to try, and that nothing was stored", () => {
    const error = new ApiProblem(503, { code: "queue_full", detail: "Full." }, "7");
    expect(refusalFor(error).detail).toMatch(/Nothing was stored.*in 7 s/);
  });
});
