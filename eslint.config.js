import tseslint from "typescript-eslint";

/** Clocks and streams are passed in (DESIGN.md, Layout): these names may stand only where real adapters are built. */
const CLOCKS = ["setTimeout", "setInterval", "setImmediate"];
const adapters = ["src/main.ts", "src/clock.ts"];

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "compose/images/**"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["*.js", "scripts/*.mjs"] } } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/dot-notation": "off",
      "max-lines": ["error", { max: 400 }],
      "no-console": "error",
      eqeqeq: "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      complexity: ["error", 15],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "no-restricted-syntax": [
        "error",
        { selector: "TSEnumDeclaration", message: "erasable syntax only" },
        {
          selector: "MemberExpression[object.name='process'][property.name=/^(stdout|stderr)$/]",
          message: "only cli/ui.ts and the logger write to standard streams",
        },
      ],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: adapters,
    rules: {
      "no-restricted-globals": ["error", ...CLOCKS],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: "time is passed in (clock.ts)" },
        { object: "performance", property: "now", message: "time is passed in (clock.ts)" },
      ],
    },
  },
  {
    files: ["src/main.ts", "src/cli/ui.ts", "src/report/log.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
  {
    files: ["test/**/*.ts", "bench/**/*.ts", "scripts/**/*.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
  { files: ["**/*.js", "**/*.mjs"], extends: [tseslint.configs.disableTypeChecked] },
);
