export { chokidarEvents } from "./events.ts";
export type { EventSource, OpenEvents } from "./events.ts";
export { findBundle, findBundles } from "./find.ts";
export type { LooksLikeBundle } from "./find.ts";
export { LARGEST_BUNDLE, isLeftover } from "./limits.ts";
export { asSet, readBundle, readSignature, readSigners, refuseSingleFile } from "./read.ts";
export { readTemplates } from "./template.ts";
export { watch } from "./watch.ts";
export type { Watch, WatchOptions } from "./watch.ts";
