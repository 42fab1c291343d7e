import { describe, expect, test } from "vitest";
import { judge } from "../../src/verify/judge.ts";
import type { Sighting } from "../../src/verify/sightings.ts";
import type { Rule } from "../../src/verify/types.ts";

const declared = new Map([["c1", { service: "bot1", secrets: new Set(["BOT1_KEY"]) }]]);

function seen(rule: Rule, name: string, container: string | null = "c1"): Sighting {
  return { rule, name, container, subject: "stack-bot1-1", place: "variable KEY", form: "raw" };
}

const severity = (one: Sighting): string | undefined => judge([one], declared)[0]?.severity;

describe("a value in a process's environment", () => {
  test("is a leak, unless its own consumer declares it", () => {
    expect(severity(seen("value-in-process-environment", "BOT1_KEY"))).toBe("declared");
    expect(severity(seen("value-in-process-environment", "BOT1_KEY", "c2"))).toBe("leak");
  });

  test("of somebody else is a leak there too", () => {
    expect(severity(seen("value-in-process-environment", "BOT2_KEY"))).toBe("leak");
  });

  test.each<Rule>(["value-in-arguments", "value-in-inspect", "value-in-log", "value-in-exec", "value-in-event"])(
    "is all that is declared: %s stays a leak",
    (rule) => {
      expect(severity(seen(rule, "BOT1_KEY"))).toBe("leak");
    },
  );
});

test("an age identity is a leak wherever it stands; another key that is not in the bundle is a warning", () => {
  const [identity, other] = judge(
    [seen("value-in-log", "shape:age identity"), seen("value-in-log", "shape:jwt")],
    declared,
  );
  expect(identity).toMatchObject({ rule: "key-in-sight", severity: "leak", secret: null });
  expect(other).toMatchObject({ rule: "looks-like-a-key", severity: "warning", secret: null });
});
