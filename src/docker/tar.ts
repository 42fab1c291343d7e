/**
 * The tar of one file, as the engine's archive calls speak it: taken apart, and made anew under a full path. Passed
 * through are content, mode, owner and extended attributes; nothing else of the format is needed here. Pure.
 */
import { SidecryptError } from "../errors.ts";

export const BLOCK = 512;
const FILE = "0";
const PAX = "x";
/** What six octal digits of an ustar header hold; beyond it the pax record counts. */
const LARGEST_ID = 0o7777777;

export interface TarFile {
  readonly content: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Extended attributes, as the engine's own archives carry them: record to value. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
}

/** Null: what the tar holds first is no regular file. */
export function readFileFromTar(tar: Uint8Array): TarFile | null {
  const bytes = Buffer.from(tar);
  let records: ReadonlyMap<string, Buffer> = new Map();
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const header = bytes.subarray(at, at + BLOCK);
    const type = text(header, 156, 1);
    const size = octal(header, 124, 12);
    const body = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (body.length < size) throw cutShort();
    if (type !== PAX) return type === FILE || type === "" ? fileOf(header, body, records) : null;
    records = readRecords(body);
    at += BLOCK + padded(size);
  }
  throw cutShort();
}

function fileOf(header: Buffer, content: Buffer, records: ReadonlyMap<string, Buffer>): TarFile {
  const id = (record: string, at: number): number => {
    const long = records.get(record);
    return long === undefined ? octal(header, at, 8) : Number(long.toString());
  };
  return {
    content,
    mode: octal(header, 100, 8),
    uid: id("uid", 108),
    gid: id("gid", 116),
    attributes: new Map([...records].filter(([name]) => name.startsWith("SCHILY.xattr."))),
  };
}

/**
 * @param path absolute: an archive is extracted at `/`, since a directory that is missing is refused as a target (H17)
 * @param modified whole seconds since the epoch
 */
export function tarOf(path: string, file: TarFile, modified: number): Uint8Array {
  const records = new Map<string, Uint8Array>([
    ["path", Buffer.from(path.replace(/^\//, ""))],
    ["uid", Buffer.from(String(file.uid))],
    ["gid", Buffer.from(String(file.gid))],
    ...file.attributes,
  ]);
  const pax = Buffer.concat([...records].map(([name, value]) => record(name, value)));
  const none = { mode: 0o644, uid: 0, gid: 0 };
  return Buffer.concat([
    header(PAX, none, pax.length, modified),
    block(pax),
    header(FILE, file, file.content.length, modified),
    block(file.content),
    Buffer.alloc(2 * BLOCK),
  ]);
}

function header(type: string, { mode, uid, gid }: Omit<TarFile, "content" | "attributes">, size: number, time: number) {
  const made = Buffer.alloc(BLOCK);
  const put = (value: number, at: number, width: number): void => {
    made.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  };
  // The pax record has the real one.
  made.write("file", 0);
  put(mode, 100, 8);
  put(Math.min(uid, LARGEST_ID), 108, 8);
  put(Math.min(gid, LARGEST_ID), 116, 8);
  put(size, 124, 12);
  put(time, 136, 12);
  made.write("        ", 148);
  made.write(type, 156);
  made.write("ustar\x0000", 257, "latin1");
  const sum = made.reduce((total, byte) => total + byte, 0);
  made.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return made;
}

/** Its length counts its own digits. */
function record(name: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${name}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** @throws SidecryptError `docker-refused` */
export function readRecords(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length;) {
    const blank = body.indexOf(" ", at);
    const length = Number(body.subarray(at, blank).toString());
    const equals = body.indexOf("=", blank);
    if (blank < 0 || equals < 0 || !(length > 0)) throw cutShort();
    records.set(body.subarray(blank + 1, equals).toString(), body.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;
const block = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(padded(bytes.length) - bytes.length)]);
const text = (from: Buffer, at: number, width: number): string =>
  from.toString("latin1", at, at + width).replace(/\0.*$/s, "");

/** @throws SidecryptError `docker-refused` */
export function octal(from: Buffer, at: number, width: number): number {
  const digits = text(from, at, width).trim();
  if (!/^[0-7]*$/.test(digits)) throw cutShort();
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function cutShort(): SidecryptError {
  return new SidecryptError("docker-refused", "the engine's archive of a file is not understood");
}
