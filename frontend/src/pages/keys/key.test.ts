import { describe, expect, it } from "vitest";
import { firstWish, inOrder, type Key, requestOf, stateOf } from "./key";

const NOW = new Date("2030-01-10T00:00:00Z");

const key = (change: Partial<Key>): Key => ({
  id: "key_1",
  name: "shop",
  mode: "live",
  scopes: ["send"],
  sender_domains: [],
  networks: [],
  created_at: "2030-01-01T00:00:00Z",
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
  ...change,
});

describe("a key", () => {
  it("is worth nothing once its time is over or it was taken back", () => {
    expect(stateOf(key({}), NOW)).toBe("good");
    expect(stateOf(key({ expires_at: "2030-01-10T00:00:00Z" }), NOW)).toBe("expired");
    expect(stateOf(key({ expires_at: "2030-01-11T00:00:00Z" }), NOW)).toBe("good");
    expect(stateOf(key({ revoked_at: "2030-01-02T00:00:00Z" }), NOW)).toBe("revoked");
  });

  it("that still opens something stands above those that do not", () => {
    const keys = [
      key({ id: "old" }),
      key({
        id: "revoked",
        revoked_at: "2030-01-02T00:00:00Z",
        created_at: "2030-01-09T00:00:00Z",
      }),
      key({ id: "new", created_at: "2030-01-05T00:00:00Z" }),
    ];
    expect(inOrder(keys, NOW).map(({ id }) => id)).toEqual(["new", "old", "revoked"]);
  });
});

describe("a new key", () => {
  it("begins with the limits of the key that makes it, since it may give no more", () => {
    const own = key({ mode: "test", sender_domains: ["example.com"], networks: ["10.0.0.0/8"] });
    expect(firstWish(own)).toMatchObject({
      mode: "test",
      senderDomains: ["example.com"],
      networks: ["10.0.0.0/8"],
    });
  });

  it("expires after the days that were chosen, or never", () => {
    const wish = { ...firstWish(null), name: " shop ", scopes: ["read" as const, "send" as const] };
    expect(requestOf(wish, NOW)).toMatchObject({
      name: "shop",
      scopes: ["send", "read"],
      expires_at: null,
    });
    expect(requestOf({ ...wish, days: 7 }, NOW).expires_at).toBe("2030-01-17T00:00:00.000Z");
  });
});
