export type { Beside } from "./beside.ts";
export { toGithub } from "./github.ts";
export { runVerify, type VerifyDeps, type VerifyOptions } from "./run.ts";
export { toSarif } from "./sarif.ts";
export { printReport } from "./text.ts";
export { type Finding, type VerifyReport, VERDICT_EXIT } from "./types.ts";
