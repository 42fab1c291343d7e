import { describe, expect, it } from "vitest";
import { createUi } from "../../src/cli/ui.ts";
import { SidecryptError } from "../../src/errors.ts";

function terminal() {
  let written = "";
  const output = { write: (text: string) => ((written += text), true) };
  return { ui: createUi(output, output), said: () => written };
}

describe("whatever is written", () => {
  const value = "k7Qw9\r\u001bXp2LmN4/vRt";
  it.each([
    ["plain", value],
    ["in JSON", JSON.stringify(value)],
    ["in base64, behind something", Buffer.from(`ab${value}`).toString("base64")],
    ["percent-encoded", encodeURIComponent(value)],
  ])("holds no known value: %s", (_, text) => {
    const { ui, said } = terminal();
    ui.redactor.remember([Buffer.from(value)]);
    ui.out(text);
    ui.say(text);
    ui.warn(text);
    ui.hint(text);
    ui.ask(text);
    ui.error(new SidecryptError("internal", text, text));
    expect(said().match(/\[redacted\]/g)).toHaveLength(7);
    expect(said()).not.toMatch(/k7Qw9|Xp2LmN4|N1F3/);
  });
});
