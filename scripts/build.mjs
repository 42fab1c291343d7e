// Bundles the program into dist/sidecrypt.mjs and the parts that only some commands load, which need nothing but Node.
// In parts, since a health check every few seconds would read all of it each time.
//
//   node scripts/build.mjs [ENTRY]
import { build, transform } from "esbuild";
import { chmod, readdir, readFile, rm } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { basename, dirname, extname, join } from "node:path";

const OUTPUT = "dist/sidecrypt.mjs";

// What dockerode and pino load at their start and nothing here ever calls: engines over ssh and TLS, BuildKit sessions,
// image contexts, log files and log workers. They would cost memory, and are code that nobody has to trust. A call of one throws.
const LEFT_OUT = [
  "https",
  "zlib",
  "ssh2",
  "@grpc/grpc-js",
  "@grpc/proto-loader",
  "protobufjs",
  "tar-fs",
  "@balena/dockerignore",
  "thread-stream",
  "worker_threads",
  "sonic-boom",
];

// Of dockerode, all but its client: every call goes through the modem's `dial`. Of zod, what makes JSON schemas.
const CLIENT = /[\\/]dockerode[\\/]lib[\\/]docker\.js$/;
const UTILITIES = "./util";
const JSON_SCHEMAS = /[\\/]zod[\\/]v4[\\/]core[\\/](?:to-json-schema|json-schema-processors)\.js$/;

// docker-modem prints every request through it when DEBUG is set: here it has nothing to print with.
const SILENCED = ["debug"];

// Node's own streams as a package.
const COPIES = ["readable-stream"];

// Half of what opening a bundle would load, and few bundles need: YAML, post-quantum keys, curves that Node has too, for
// SSH keys. Each is a part of its own that is read when the first of its exports is asked for.
const LATER = ["yaml", "@noble/curves/ed25519.js", "@noble/curves/nist.js", "@noble/post-quantum/hybrid.js"];

// Messages of zod in fifty languages; ours are in English.
const LOCALES = /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/;

const stub = (name) => `
  const leftOut = () => { throw new Error(${JSON.stringify(`${name} is left out of this build`)}); };
  module.exports = new Proxy(leftOut, { get: (_, key) => (typeof key === "symbol" ? undefined : leftOut) });
`;

async function stubOf(path) {
  const names = Object.keys(await import(path)).join(", leftOut as ");
  return `const leftOut = () => { throw new Error("JSON schemas are left out of this build"); }; export { leftOut as ${names} };`;
}

// The names within a function: a fifth of the text, which stays in memory. Those of functions and classes of a module, and
// of methods, stay in messages and stack traces, since esbuild does not rename what a module may export.
const SOURCE = /\.[cm]?[jt]s$/;

async function shortened(path) {
  const loader = extname(path) === ".ts" ? "ts" : "js";
  const { code } = await transform(await readFile(path, "utf8"), { loader, minifyIdentifiers: true, sourcefile: path });
  return { contents: code, loader: "js" };
}

// An ES import of one of Node's modules reads each of its exports, and with them what Node would load only when it is
// asked for: of node:http that is undici, 10 MB of memory and a fifth of the start. Nor may they be copied, as esbuild
// does it with what it takes for CommonJS: a descriptor loads them too. What inherits from the module has none to copy.
const builtin = (path) => `
  const it = process.getBuiltinModule("${path}");
  module.exports = typeof it === "function" || it === process ? it : Object.create(it);
`;

const partOf = (name) => `part-${name.replace(/^@|\.js$/g, "").replace(/\W+/g, "-")}.cjs`;

// By a require, since whoever asks for an export cannot wait.
async function later(name) {
  const exports = Object.keys(await import(name)).filter((key) => key !== "default" && /^\w+$/.test(key));
  const getters = exports.map((key) => `get ${key}() { return load().${key}; }`);
  return `
    let loaded;
    const load = () => (loaded ??= require("./${partOf(name)}"));
    module.exports = { ${getters.join(", ")} };
  `;
}

const exactly = (names) => new RegExp(`^(?:${names.join("|")})$`);

const lean = {
  name: "lean",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: exactly(LEFT_OUT) }, ({ path }) => ({ path, namespace: "left-out" }));
    onResolve({ filter: /^\./ }, ({ path, importer }) =>
      CLIENT.test(importer) && path !== UTILITIES ? { path, namespace: "left-out" } : null,
    );
    onResolve({ filter: exactly(SILENCED) }, ({ path }) => ({ path, namespace: "silenced" }));
    onResolve({ filter: exactly(COPIES) }, () => ({ path: "stream", namespace: "builtin" }));
    onResolve({ filter: exactly(LATER) }, ({ path }) => ({ path, namespace: "later" }));
    onResolve({ filter: /^\.\/part-.*\.cjs$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /^/ }, ({ path }) => (isBuiltin(path) ? { path, namespace: "builtin" } : null));
    onLoad({ filter: /^/, namespace: "builtin" }, ({ path }) => ({ contents: builtin(path) }));
    onLoad({ filter: /^/, namespace: "left-out" }, ({ path }) => ({ contents: stub(path) }));
    onLoad({ filter: /^/, namespace: "later" }, async ({ path }) => ({ contents: await later(path) }));
    onLoad({ filter: /^/, namespace: "silenced" }, () => ({ contents: "module.exports = () => () => {};" }));
    onLoad({ filter: JSON_SCHEMAS }, async ({ path }) => ({ contents: await stubOf(path) }));
    onLoad({ filter: LOCALES }, () => ({ contents: 'export { default as en } from "./en.js";' }));
    onLoad({ filter: SOURCE, namespace: "file" }, ({ path }) => shortened(path));
  },
};

// By a require come the parts that are loaded late. And age-encryption reads its streams through a Response, which in
// Node is undici once more.
const BANNER = `#!/usr/bin/env node
const require = (path) => process.getBuiltinModule("node:module").createRequire(import.meta.url)(path);
class Response {
  constructor(body) { this.body = body; }
  arrayBuffer() { return process.getBuiltinModule("node:stream/consumers").buffer(this.body); }
  text() { return process.getBuiltinModule("node:stream/consumers").text(this.body); }
}`;

const failed = ({ errors, message }) => {
  // Of code that does not compile esbuild has said so itself.
  if (errors === undefined) process.stderr.write(`${message}\n`);
  process.exit(1);
};
const COMMON = {
  outdir: dirname(OUTPUT),
  bundle: true,
  // Which zod looks at for a Cloudflare worker, and Node would load for it.
  define: { navigator: "undefined" },
  platform: "node",
  target: "node20.19",
  // Not the names: those that are left stand in messages and stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "inline",
  metafile: true,
};

const program = await build({
  ...COMMON,
  entryPoints: [process.argv[2] ?? "src/main.ts"],
  entryNames: basename(OUTPUT, ".mjs"),
  chunkNames: "part-[hash]",
  outExtension: { ".js": ".mjs" },
  splitting: true,
  format: "esm",
  plugins: [lean],
  banner: { js: BANNER },
}).catch(failed);
await chmod(OUTPUT, 0o755);

const parts = await build({
  ...COMMON,
  entryPoints: LATER.map((name) => ({ in: name, out: basename(partOf(name), ".cjs") })),
  outExtension: { ".js": ".cjs" },
  format: "cjs",
}).catch(failed);

const inputs = { ...program.metafile.inputs, ...parts.metafile.inputs };
const outputs = { ...program.metafile.outputs, ...parts.metafile.outputs };
// Of an earlier build.
for (const name of await readdir(dirname(OUTPUT))) {
  const path = join(dirname(OUTPUT), name);
  if (outputs[path] === undefined) await rm(path, { force: true });
}

const bytes = Object.values(outputs).reduce((sum, one) => sum + one.bytes, 0);
process.stdout.write(
  `${OUTPUT}: ${Math.round(outputs[OUTPUT].bytes / 1000)} kB, with its parts ${Math.round(bytes / 1000)} kB, out of ` +
    `${Object.keys(inputs).length} modules\n`,
);
