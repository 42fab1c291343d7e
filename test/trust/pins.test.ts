import { describe, expect, test } from "vitest";
import { parseRecipients, parseRules, refuseOlder, requirePins } from "../../src/trust/index.ts";

const SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB";
const RULE = { field: "unencrypted_suffix", text: "_unencrypted" };
const bundle = { name: "prod.env", path: "/bundle/prod.env" };

const recipients = (text: string) => ({ recipients: parseRecipients(text)!, rules: new Map<never, never>() });
const rules = (text: string) => ({ recipients: new Map<never, never>(), rules: parseRules(text)! });
const said = (of: readonly string[], rule = RULE, otherServices: readonly string[] = []) => ({
  recipients: of,
  otherServices,
  rule,
});

function refusal(
  described: ReturnType<typeof said>,
  pins: Parameters<typeof requirePins>[2],
  named = bundle,
): string | null {
  try {
    requirePins(named, described, pins);
    return null;
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: "bundle-policy" });
    return (thrown as Error).message;
  }
}

describe("pinned recipients", () => {
  test("are those of the file, in any order, an SSH key with any comment", () => {
    expect(refusal(said(["age1b", "age1a"]), recipients("age1a, age1b"))).toBeNull();
    expect(refusal(said([`${SSH} alice@laptop`]), recipients(SSH))).toBeNull();
  });

  test.each([
    [said(["age1a", "age1b", "age1evil"]), "the recipient age1evil was added"],
    [said(["age1a"]), "the recipient age1b is missing"],
    [said(["age1evil", "age1b"]), "the recipient age1evil was added, the recipient age1a is missing"],
    [said(["age1a", "age1b"], RULE, ["kms"]), "the key service kms was added"],
    [said(["age1a", "age1b", "x\u001b[31m"]), "the recipient (of other than 1 to 200 printable characters) was added"],
  ])("refuse what differs, and say how: %#", (described, message) => {
    expect(refusal(described, recipients("age1a age1b"))).toBe(`/bundle/prod.env: ${message}`);
  });

  test("are each bundle's own", () => {
    const pins = recipients("age1rest\nprod.env: age1a\n  age1b; more/test.env: age1c");
    expect(refusal(said(["age1a", "age1b"]), pins)).toBeNull();
    expect(refusal(said(["age1a", "age1b"]), pins, { name: "/x/prod.env", path: "/x/prod.env" })).toBeNull();
    expect(refusal(said(["age1c"]), pins, { name: "", path: "/bundle/more/test.env" })).toBeNull();
    expect(refusal(said(["age1rest"]), pins, { name: "", path: "/bundle/nonprod.env" })).toBeNull();
    expect(refusal(said(["age1rest"]), pins)).toContain("the recipient age1rest was added");
  });

  test("for other bundles alone refuse this one", () => {
    expect(refusal(said(["age1a"]), recipients("test.env: age1a"))).toBe(
      "/bundle/prod.env: the recipient age1a was added",
    );
  });
});

describe("a pinned rule", () => {
  test("is that of the file, to the letter", () => {
    expect(refusal(said([]), rules("unencrypted_suffix=_unencrypted"))).toBeNull();
    const injected = { field: "encrypted_regex", text: "^(BOT1_API_KEY)$" };
    expect(refusal(said([], injected), rules("unencrypted_suffix=_unencrypted"))).toBe(
      "/bundle/prod.env: its rule is encrypted_regex=^(BOT1_API_KEY)$, the pinned one is unencrypted_suffix=_unencrypted",
    );
  });

  test("is each bundle's own", () => {
    const pins = rules("prod.env: encrypted_regex=^a: b=c$\ntest.env: encrypted_suffix=_SECRET");
    expect(refusal(said([], { field: "encrypted_regex", text: "^a: b=c$" }), pins)).toBeNull();
    expect(refusal(said([]), pins, { name: "x.env", path: "x.env" })).toContain("the pinned one is none");
  });
});

describe("no way back", () => {
  const dated = (digest: string, lastModified: string) => ({ digest: digest.repeat(64), lastModified });
  const [old, committed, newer] = [
    dated("a", "2026-05-01T11:59:59Z"),
    dated("b", "2026-05-01T12:00:00Z"),
    dated("c", "2026-05-01T14:00:00+02:00"),
  ];
  const NONE = new Set<string>();

  test("refuses what is older than the newest that is committed, and says how to allow it", () => {
    expect(() => {
      refuseOlder("prod.env", old, [committed, dated("d", "2020-01-01T00:00:00Z")], NONE);
    }).toThrow(
      expect.objectContaining({
        code: "bundle-older",
        message:
          "prod.env was changed last at 2026-05-01T11:59:59Z: the one committed last is newer, of 2026-05-01T12:00:00Z",
        hint: expect.stringContaining("SIDECRYPT_ALLOW_OLDER=aaaaaaaaaaaa") as string,
      }),
    );
  });

  test.each([
    ["what is newer, or of the same second", newer, [committed], NONE],
    ["the first one", old, [], NONE],
    ["what a drop was committed from last, however old", old, [committed, old], NONE],
    ["what is allowed by its digest", old, [committed], new Set(["aaaaaaaaaaaa"])],
    ["anything, where that is allowed", old, [committed], "any" as const],
  ])("takes %s", (_, present, before, allowed) => {
    expect(() => {
      refuseOlder("prod.env", present, before, allowed);
    }).not.toThrow();
  });
});
