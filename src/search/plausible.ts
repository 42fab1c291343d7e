/** Whether what was decoded is anything. */

export const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const ZLIB = 0x78;
const ZLIB_FLAGS: readonly (number | undefined)[] = [0x01, 0x5e, 0x9c, 0xda];

export const isZlib = (data: Buffer): boolean => data[0] === ZLIB && ZLIB_FLAGS.includes(data[1]);

export const isGzip = (data: Uint8Array): boolean => GZIP.every((byte, at) => data[at] === byte);

/** Of what was decoded: begins as gzip or zlib does. */
export const isCompressed = (data: Buffer): boolean => isZlib(data) || isGzip(data);

const SAMPLE = 64;
const PRINTABLE = new Uint8Array(256).map((_, byte) =>
  byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127) ? 1 : 0,
);

/** Text, or compressed: most of what is decoded was never encoded, and holds no further layer. */
export function isPlausible(bytes: Buffer): boolean {
  if (isCompressed(bytes)) return true;
  const length = Math.min(SAMPLE, bytes.length);
  let fit = 0;
  for (let at = 0; at < length; at++) fit += PRINTABLE[bytes[at] ?? 0] ?? 0;
  return 4 * fit >= 3 * length;
}
