export { commit, deliver, flipBack, markSeen } from "./deliver.ts";
export type { MarkOptions } from "./deliver.ts";
export type { Drop } from "./layout.ts";
export { checkMemory } from "./memory.ts";
export { optionsFault, readMounts, seenMount } from "./options.ts";
export type { SeenMount, VolumeOptions } from "./options.ts";
export { readDrop } from "./read.ts";
export { readSwapWarnings, swapWarning } from "./swap.ts";
export { equip } from "./with-secrets.ts";
