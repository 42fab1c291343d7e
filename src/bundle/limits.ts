/** What an untrusted file may make us do at most; each bound lies far above any honest bundle. */

/** Bytes; also what age allows a key file. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Lines of any kind, metadata included. */
export const MAX_LINES = 50_000;
export const MAX_SECRETS = 10_000;
/** NAME_MAX: a name becomes a file name. */
export const MAX_NAME_LENGTH = 255;
/** Each costs one curve operation for every identity. */
export const MAX_AGE_ENTRIES = 256;
/** Characters of an armored data key, a post-quantum one having 2,300: each further recipient in it costs as much. */
export const MAX_ENC_LENGTH = 8 * 1024;
/** Characters of an `encrypted_regex` or `unencrypted_regex`. */
export const MAX_PATTERN_LENGTH = 1024;
/** States of the automaton of such a pattern, counted repetitions unrolled. */
export const MAX_PATTERN_STATES = 10_000;
/** States visited to work out where a pattern leads, over all names of a bundle: a second or two of work. */
export const MAX_PATTERN_STEPS = 5_000_000;
/** Longer recipients (post-quantum: 1,959 characters) are abbreviated in messages. */
export const MAX_SHOWN_RECIPIENT = 70;
/** More recipients are counted, not listed. */
export const MAX_SHOWN_RECIPIENTS = 5;
/** More unknown metadata fields are counted, not listed. */
export const MAX_SHOWN_FIELDS = 20;
/** Levels of maps and lists in JSON and YAML. */
export const MAX_DEPTH = 32;
/** Values of any kind in JSON and YAML, metadata included. */
export const MAX_NODES = 50_000;
