import { describe, expect, it } from "vitest";
import type { Webhook } from "../../api/types";
import { laidOut, messageOf, resultOf, standingOf, wantsOf } from "./words";

const webhook = (of: Partial<Webhook> = {}): Webhook => ({
  id: "whk_1",
  url: "https://shop.example.com/hooks",
  description: "",
  event_types: [],
  tags: [],
  key_ids: [],
  status: "active",
  pause: null,
  failing_since: null,
  previous_secret_until: null,
  created_at: "2030-01-01T00:00:00Z",
  ...of,
});

describe("how a webhook stands", () => {
  it("is failing only while it is called: a pause explains itself", () => {
    const failing_since = "2030-01-01T00:00:00Z";
    expect(standingOf(webhook({ failing_since }))).toBe("failing");
    expect(standingOf(webhook({ failing_since, status: "paused" }))).toBe("paused");
  });
});

describe("what a webhook wants", () => {
  it("is everything unless something is named", () => {
    expect(wantsOf(webhook())).toBe("every event");
    expect(wantsOf(webhook({ event_types: ["message.*"], tags: ["orders", "login"] }))).toBe(
      "message.*, of messages tagged orders or login",
    );
  });
});

describe("a call", () => {
  const call = { at: "", duration_ms: 12, status: 204, answer: "", error: "" };

  it("that nobody answered says why, and never a status", () => {
    expect(resultOf(call)).toBe("204 in 12 ms");
    expect(resultOf({ ...call, status: null, error: "connection refused" })).toBe(
      "connection refused, after 12 ms",
    );
  });
});

describe("a body", () => {
  it("leads to its message, and is shown as it is where it is no JSON", () => {
    expect(messageOf('{"data":{"message_id":"msg_1"}}')).toBe("msg_1");
    expect(messageOf('{"data":{}}')).toBeNull();
    expect(messageOf("<p>")).toBeNull();
    expect(laidOut("<p>")).toBe("<p>");
  });
});
