/** Templates, proven by what the library of each format reads back. */
import { execFileSync } from "node:child_process";
import { parseEnv } from "node:util";
import fc from "fast-check";
import { parse as parseIni } from "ini";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { renderTemplate } from "../../src/render/index.ts";
import { splitArguments } from "./sdssplitargs.ts";

function render(text: string, output: string, values: Readonly<Record<string, string | Uint8Array>>, name = "a.tpl") {
  const bytes = new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)]));
  return Buffer.from(renderTemplate({ name, bytes: Buffer.from(text) }, output, bytes)).toString();
}

function fault(text: string, output: string, values: Readonly<Record<string, string | Uint8Array>> = {}) {
  try {
    render(text, output, values);
  } catch (thrown) {
    return thrown as Error & { readonly code: string; readonly hint?: string };
  }
  throw new Error("it was rendered");
}

/** What breaks files: quotes, escapes, comments, interpolation, line breaks of every kind, and characters beyond them. */
const NASTY = [
  ...Array.from("\"'\\#;%$`{}[]:,&*!|>@~=<? \t\r\n\0\x1b\x7f\u0085\u00a0\u2028\ufeffé😀abcxnuU01-"),
  "${X}",
  "$(id)",
  "{{ A }}",
  "'''",
  '"""',
  "null",
  "\\n",
];
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...NASTY), maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }),
);
/** What each format holds wherever it stands. */
const tame = fc.string({ unit: fc.constantFrom(...Array.from("abcXYZ019_.,:/@+-é")), minLength: 1, maxLength: 20 });

/** A value that the format cannot hold in this place is refused by name; every other one is read back as it is. */
function holds(template: string, output: string, read: (rendered: string) => unknown, from = text): void {
  fc.assert(
    fc.property(from, (value) => {
      let rendered;
      try {
        rendered = render(template, output, { A: value });
      } catch (thrown) {
        expect((thrown as Error).message).toMatch(/^template a\.tpl, line \d+: A cannot be written /);
        return;
      }
      expect(read(rendered)).toEqual(value);
    }),
    { numRuns: 300 },
  );
}

/** Nothing is refused. */
function holdsAll(template: string, output: string, read: (rendered: string) => unknown, from = text): void {
  fc.assert(
    fc.property(from, (value) => {
      expect(read(render(template, output, { A: value }))).toEqual(value);
    }),
    { numRuns: 300 },
  );
}

const only = (object: unknown): unknown => (object as { readonly key: unknown }).key;

describe("JSON", () => {
  const read = (rendered: string): unknown => only(JSON.parse(rendered));

  it.each(['{"key": "{{ A }}"}', '{"key":{{A}}}', '{ "key":\n {{ A | json }}\n}'])(
    "holds every text: %s",
    (template) => {
      holdsAll(template, "config.json", read);
    },
  );

  it("in the middle of a string, in a name, in a list", () => {
    holdsAll('{"key": "a \\" // {{ A }}/*"}', "config.json", (rendered) =>
      (read(rendered) as string).slice('a " // '.length, -2),
    );
    holdsAll('[{{ A }}, {"{{ A }}": 1}]', "config.json", (rendered) => {
      const [first, second] = JSON.parse(rendered) as [string, Record<string, number>];
      expect(Object.keys(second)).toEqual([first]);
      return first;
    });
  });

  it("is not led astray by comments", () => {
    const rendered = render('{\n// don\'t "\n/* " */ "key": "{{ A }}" }', "config.json", { A: '"' });
    expect(rendered).toBe('{\n// don\'t "\n/* " */ "key": "\\"" }');
  });
});

describe("YAML", () => {
  const read = (version: "1.1" | "1.2") => (rendered: string) => only(parseYaml(rendered, { version }));

  it.each([
    'key: "{{ A }}"',
    "key: {{ A }}",
    "key: {{ A }} # don't",
    "key:\n  {{ A }}\n",
    "{ key: {{ A }} }",
    '{"key":"{{ A }}"}',
  ])("holds every text: %s", (template) => {
    for (const version of ["1.1", "1.2"] as const) holdsAll(template, "config.yaml", read(version));
  });

  it("in single quotes holds what they can", () => {
    holds("key: '{{ A }}'", "config.yml", read("1.2"));
    holdsAll("key: '{{ A }}'", "config.yml", read("1.2"), tame);
    expect(render("key: '{{ A }}'", "config.yml", { A: 'it\'s "\\n"' })).toBe("key: 'it''s \"\\n\"'");
  });

  it("is not led astray by quotes that are none", () => {
    holdsAll(`a: it's\nb: 5" wide\nkey: "{{ A }}"`, "config.yaml", read("1.2"));
    holdsAll(`a: |\n  "\n  it's\nkey: {{ A }}`, "config.yaml", read("1.2"));
  });

  it.each([
    ["url: redis://:{{ A }}@redis", "it is part of a word"],
    ["key: |\n  {{ A }}", "no scalar can stand there"],
    ["key: 1 # {{ A }}", "it stands in a comment"],
    ["key: &{{ A }} 1", "no scalar can stand there"],
    ['key: "\\{{ A }}"', "it stands behind a backslash"],
  ])("refuses %s", (template, why) => {
    expect(fault(template, "config.yaml", { A: "hunter2" }).message).toContain(`A has no place there: ${why}`);
  });
});

describe("TOML", () => {
  const read = (rendered: string): unknown => only(parseToml(rendered));

  it.each(['key = "{{ A }}"', "key = {{ A }}", "key={{A}}# don't", 'key = """{{ A }}"""'])(
    "holds every text: %s",
    (template) => {
      holdsAll(`${template}\n`, "config.toml", read);
    },
  );

  it("in single quotes holds what they can", () => {
    holds("key = '{{ A }}'", "config.toml", read);
    holdsAll("key = '{{ A }}'", "config.toml", read, tame);
  });

  it("refuses a part of a word and a comment", () => {
    expect(fault("key = a{{ A }}", "config.toml", { A: "1" }).message).toContain("it is part of a word");
    expect(fault("# {{ A }}", "config.toml", { A: "1" }).message).toContain("it stands in a comment");
  });
});

describe("INI", () => {
  const read = (rendered: string): unknown => {
    const value = (parseIni(rendered) as { readonly section: { readonly key: unknown } }).section.key;
    // Its own idea of types.
    return typeof value === "string" ? value : String(value);
  };

  it("in double quotes holds every text", () => {
    holdsAll('[section]\nkey = "{{ A }}"\n', "config.ini", read);
  });

  it("without quotes holds what every reader takes for the same", () => {
    holds("[section]\nkey = {{ A }}\n", "config.ini", read);
    holdsAll("[section]\nkey = {{ A }}\n", "config.ini", read, tame);
    for (const value of ["a;b", "a#b", "50%", " a", "a ", "a\nb", '"a"', "a\\n"]) {
      const { message } = fault("key = {{ A }}", "config.ini", { A: value });
      expect(message).toBe("template a.tpl, line 1: A cannot be written in INI without quotes");
    }
  });

  it("as a part of a value", () => {
    expect(render("url = redis://:{{ A }}@redis", "bot.cfg", { A: "abc" })).toBe("url = redis://:abc@redis");
  });
});

describe("redis.conf", () => {
  const bytes = fc.uint8Array({ maxLength: 24 }).map((all) => Buffer.from(all));
  const latin1 = (template: string, value: Uint8Array): string => {
    const file = { name: "redis.conf", bytes: Buffer.from(template) };
    return Buffer.from(renderTemplate(file, "redis.conf", new Map([["A", value]]))).toString("latin1");
  };

  it.each(["requirepass {{ A }}", 'requirepass "{{ A }}"', "# don't\nrequirepass {{ A }}  \n"])(
    "holds every byte: %s",
    (template) => {
      fc.assert(
        fc.property(bytes, (value) => {
          const line = latin1(template, value)
            .split("\n")
            .at(template.startsWith("#") ? 1 : 0)!;
          expect(splitArguments(line)).toEqual(["requirepass", value.toString("latin1")]);
        }),
      );
    },
  );

  it("in the middle of a rule, as Redis reads it", () => {
    const line = latin1('user bot on >{{ A }} "~{{ A }}"', Buffer.from('a "b\n'));
    expect(splitArguments(line)).toEqual(["user", "bot", "on", '>a "b\n', '~a "b\n']);
    expect(fault("user bot >{{ A }}x", "redis.conf", { A: "1" }).message).toContain("more of the same word");
  });

  it("in single quotes holds what they can", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const read = value.toString("latin1");
        if (/[\n\r\0]|\\$/.test(read))
          expect(fault("a '{{ A }}'", "redis.conf", { A: value }).message).toContain("in single quotes");
        else expect(splitArguments(latin1("a '{{ A }}'", value))).toEqual(["a", read]);
      }),
    );
  });

  it("refuses a comment", () => {
    expect(fault("# requirepass {{ A }}", "redis.conf", { A: "1" }).message).toContain("it stands in a comment");
  });
});

describe("a shell", () => {
  const values = fc.array(fc.string({ unit: fc.constantFrom(...NASTY.filter((one) => one !== "\0")), maxLength: 12 }), {
    minLength: 3,
    maxLength: 3,
  });

  it("reads every text without a NUL", () => {
    const template = '# don\'t {\nA={{ A }}\nB=\'{{ B }}\'; C="x{{ C }}"\nprintf \'%s\\0\' "$A" "$B" "$C" {{ A }}';
    fc.assert(
      fc.property(values, ([a = "", b = "", c = ""]) => {
        const script = render(template, "env.sh", { A: a, B: b, C: c });
        const out = execFileSync("sh", { input: script, env: {} }).toString();
        expect(out.split("\0").slice(0, -1)).toEqual([a, b, `x${c}`, a]);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    'A="$(echo {{ A }})"',
    "A=`echo {{ A }}`",
    "cat <<END\n{{ A }}\nEND",
    "A=$'{{ A }}'",
    "A=${{ A }}",
    "A=\\{{ A }}",
    'A="{{ A }}',
    "# {{ A }}",
  ])("refuses %s", (template) => {
    expect(fault(template, "env.sh", { A: "hunter2" }).message).toMatch(
      /^template a\.tpl, line \d: A has no place there/,
    );
  });

  it("refuses a NUL", () => {
    expect(fault("A={{ A }}", "env.sh", { A: "a\0b" }).message).toContain("A cannot be written as a word");
  });
});

describe("dotenv", () => {
  const shell = (rendered: string): string =>
    execFileSync("sh", { input: `${rendered}\nprintf '%s.' "$KEY"`, env: {} })
      .toString()
      .slice(0, -1);

  it("is read alike by Node and a shell", () => {
    for (const template of ["KEY={{ A }}", 'KEY="{{ A }}"', "KEY='{{ A }}'"]) {
      holds(template, ".env", (rendered) => parseEnv(rendered)["KEY"] ?? "");
      fc.assert(
        fc.property(text, (value) => {
          let rendered;
          try {
            rendered = render(template, ".env", { A: value });
          } catch {
            return;
          }
          expect(shell(rendered)).toBe(value);
        }),
        { numRuns: 25 },
      );
    }
  });

  it("holds what is not hostile", () => {
    expect(render("KEY={{ A }}", ".env", { A: 'a b#c$d"e' })).toBe("KEY='a b#c$d\"e'");
    expect(render("KEY={{ A }}", ".env", { A: "it's" })).toBe('KEY="it\'s"');
    expect(render("URL=redis://:{{ A }}@redis", ".env", { A: "abc" })).toBe("URL=redis://:abc@redis");
    expect(fault("KEY={{ A }}", ".env", { A: "it's $5" }).message).toContain("A cannot be written in dotenv");
  });
});

describe("the text", () => {
  test("braces stand for themselves where they are doubled, and on their own", () => {
    expect(render("{{{{ A }} { } }} {{ A }}", "a.txt", { A: "1" })).toBe("{{ A }} { } }} 1");
    expect(render('{"a":{"b":{{ A }}}}', "a.json", { A: "1" })).toBe('{"a":{"b":"1"}}');
  });

  test("raw writes every byte as it is", () => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    const values = new Map([["A", value]]);
    const bytes = renderTemplate({ name: "a", bytes: Buffer.from("<{{ A | raw }}>") }, "b", values);
    expect(Buffer.from(bytes)).toEqual(Buffer.concat([Buffer.from("<"), value, Buffer.from(">")]));
  });

  test("a value is never taken for a template", () => {
    expect(render("{{ A }}{{ B }}", "a.txt", { A: "{{ B }}", B: "2" })).toBe("{{ B }}2");
  });

  test("without a placeholder is itself", () => {
    expect(render("port 6379\n", "redis.conf", {})).toBe("port 6379\n");
  });

  test.each([
    ["a\n{{ A", "line 2: a placeholder is not closed on its line"],
    ["{{ A\n}}", "line 1: a placeholder is not closed on its line"],
    ["{{ A B }}", "line 1: what stands in {{ }} is not a placeholder"],
    ["{{}}", "line 1: what stands in {{ }} is not a placeholder"],
    ["{{{ A }}}", "line 1: what stands in {{ }} is not a placeholder"],
    ["\n\n{{ B }}", "line 3: the service has no B"],
    ["{{ A | xml }}", "line 1: there is no format xml"],
  ])("%j is refused", (template, message) => {
    const { code, message: said } = fault(template, "a.txt", { A: "hunter2" });
    expect([code, said]).toEqual(["render-failed", `template a.tpl, ${message}`]);
  });

  test("hints name what was meant", () => {
    expect(fault("{{ API_KYE }}", "a.txt", { API_KEY: "1" }).hint).toBe("did you mean API_KEY?");
    expect(fault("{{ A }}", "app.conf", { A: "1" }).hint).toContain("{{ NAME | FORMAT }}, with one of json, yaml");
  });

  test("the format is that of the output's name, else of the template's", () => {
    expect(render("{{ A }}", "app.conf", { A: "1" }, "app.toml.tpl")).toBe('"1"');
    expect(render("k = {{ A }}", "app.ini", { A: "1" }, "app.json")).toBe("k = 1");
  });

  test("a template that is no text is refused, and so is a value that is none", () => {
    const notText = { name: "a.tpl", bytes: Uint8Array.of(0xff) };
    expect(() => renderTemplate(notText, "a.txt", new Map())).toThrow("template a.tpl is not a text in UTF-8");
    for (const output of ["a.json", "a.yaml", "a.toml"]) {
      const { message } = fault("{{ A }}", output, { A: Uint8Array.of(0xff) });
      expect(message).toBe("template a.tpl, line 1: A cannot be written as a string");
    }
  });

  test("no error holds a value", () => {
    for (const output of ["a.json", "a.yaml", "a.toml", "a.ini", "redis.conf", ".env", "a.sh", "a"]) {
      for (const template of ["x{{ A }}x", "k = {{ A }}", "k: '{{ A }}'", "# {{ A }}", '"{{ A }}']) {
        try {
          render(template, output, { A: "hunter2\n'\0" });
        } catch (thrown) {
          expect(JSON.stringify([String(thrown), (thrown as { hint?: string }).hint])).not.toContain("hunter2");
        }
      }
    }
  });
});
