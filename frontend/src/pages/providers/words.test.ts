import { describe, expect, it } from "vitest";
import type { Provider, Route } from "../../api/types";
import { abilitiesOf, type Check, checkInWords, routesWithoutOther, settlingOf } from "./words";

const CAN = {
  max_recipients: 50,
  max_message_bytes: 40 * 1024 ** 2,
  max_tags: 0,
  metadata: false,
  custom_headers: true,
  attachments: true,
  inline_images: true,
  smtputf8: false,
  blind_alone: true,
  names_everybody: true,
  settles_by: ["look_up", "event"] as ("look_up" | "event")[],
};

const check = (of: Partial<Check>): Check => ({
  provider: "ses",
  result: "works",
  detail: "the account may send",
  took_ms: 12,
  quota_left: null,
  max_per_second: null,
  clock_offset_seconds: null,
  ...of,
});

describe("what a provider can do", () => {
  it("is told apart from what it cannot, since that decides which mail it gets", () => {
    const { can, cannot } = abilitiesOf(CAN);
    expect(can).toContain("mails of up to 40 MB");
    expect(cannot).toEqual(["tags", "metadata", "addresses beyond ASCII"]);
  });

  it("says how an unknown outcome is settled, or that it cannot be", () => {
    expect(settlingOf(CAN)).toContain("looking the mail up and the provider's events");
    expect(settlingOf({ ...CAN, settles_by: ["nothing"] })).toContain("nothing here can tell");
  });
});

describe("a test's result", () => {
  it("names what is left of the quota", () => {
    expect(checkInWords(check({ quota_left: 50_000 })).lines).toContain(
      "50,000 recipients of the quota are left.",
    );
  });

  it("warns of a clock that is wrong, which breaks signatures, and only then", () => {
    const clock = (clock_offset_seconds: number) =>
      checkInWords(check({ clock_offset_seconds })).lines.join(" ");
    expect(clock(-0.004)).toContain("agree");
    expect(clock(-400)).toContain("7 min behind ours");
  });

  it("leaves no doubt about an account that is refused", () => {
    expect(checkInWords(check({ result: "refused" }))).toMatchObject({ color: "red" });
  });
});

describe("pausing", () => {
  const routes = [
    { name: "default", providers: ["ses", "mailgun"], on_unknown: "wait" },
  ] as Route[];
  const providers = (state: string) =>
    [
      { name: "ses", state: "up" },
      { name: "mailgun", state },
    ] as Provider[];

  it("warns when no other provider of a route is asked, as mail will wait", () => {
    expect(routesWithoutOther("ses", routes, providers("down"))).toEqual(["default"]);
    expect(routesWithoutOther("ses", routes, providers("up"))).toEqual([]);
  });
});
