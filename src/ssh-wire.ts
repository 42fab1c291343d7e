/** SSH's binary encoding (RFC 4251 §5): reading, with what is cut off or too long as null, and writing. */
class WireFault extends Error {}

/** What `read` makes of the bytes; null: they end too early, or go on after it. */
export function fromWire<T>(bytes: Uint8Array, read: (wire: WireReader) => T): T | null {
  try {
    const wire = new WireReader(bytes);
    const value = read(wire);
    wire.end();
    return value;
  } catch (thrown) {
    if (thrown instanceof WireFault) return null;
    throw thrown;
  }
}

export class WireReader {
  #rest: Buffer;

  /** A view: whoever wipes the bytes wipes what was taken. */
  constructor(bytes: Uint8Array) {
    this.#rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Buffer {
    if (length > this.#rest.length) throw new WireFault();
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  /** Names of types, curves and the like. */
  text(): string {
    return this.string().toString("latin1");
  }

  /** A number that is not negative, without leading zeros. */
  number(): Buffer {
    const bytes = this.string();
    if ((bytes[0] ?? 0) >= 0x80) throw new WireFault();
    const start = bytes.findIndex((byte) => byte !== 0);
    return start < 0 ? bytes.subarray(bytes.length) : bytes.subarray(start);
  }

  rest(): Buffer {
    return this.take(this.#rest.length);
  }

  end(): void {
    if (this.#rest.length > 0) throw new WireFault();
  }
}

export function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

export function string(bytes: Uint8Array | string): Buffer {
  const buffer = Buffer.from(bytes as Uint8Array);
  return Buffer.concat([uint32(buffer.length), buffer]);
}

/** A number that is not negative, from its big-endian bytes. */
export function number(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start));
  return string((digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}

/** Null: Node would read it all the same. */
export function exactBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}
