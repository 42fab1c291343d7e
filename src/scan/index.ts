/** Looks for the secrets of a bundle, and for what looks like a key, in files, a stream and a repository. */
export { IGNORE_FILE, type Ignored } from "./allowance.ts";
export { scanModel } from "./compose.ts";
export { readIgnoreFile } from "./files.ts";
export type { GitOptions } from "./git-process.ts";
export { reportJson, reportLines, SCAN_STATUS, statusOf } from "./report.ts";
export { scanFiles, scanHistory, scanInput, scanStaged } from "./scopes.ts";
export type { Finding, NotChecked, ScanReport, Scope } from "./types.ts";
