/** Encodings of bytes into text that hold them at any alignment. */

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * Base64 of bytes that stand `offset` bytes (0, 1 or 2) after the start of a group of three: the characters that are
 * the same whatever stands before and after, so without padding.
 */
export function base64At(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  return text.slice(Math.ceil((offset * 8) / 6), (offset + bytes.length) % 3 === 0 ? undefined : -1);
}

export const asUrl = (base64: string): string => base64.replaceAll("+", "-").replaceAll("/", "_");

/** Likewise in RFC 4648's base32, `offset` 0 to 4. */
export function base32At(bytes: Uint8Array, offset: number): string {
  let [text, held, bits] = ["", 0, 0];
  for (const byte of [...new Uint8Array(offset), ...bytes]) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 31] ?? "";
  }
  return text.slice(Math.ceil((offset * 8) / 5));
}

/** Every byte written out: `escape` makes the text of one. */
export function each(bytes: Uint8Array, escape: (hex: string, byte: number) => string): string {
  let text = "";
  for (const byte of bytes) text += escape(byte.toString(16).padStart(2, "0"), byte);
  return text;
}

export function swapped(utf16: Buffer): Buffer {
  return Buffer.from(utf16).swap16();
}
