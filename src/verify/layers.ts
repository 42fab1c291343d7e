/**
 * The files of every layer of the stack's images (`verify --images`): what a build has copied, also what a later step
 * of it has removed. Reads what `docker save` reads, as a stream.
 */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isTar, readTar, type TarEntry } from "../docker/tar-stream.ts";
import type { Hit } from "../search/index.ts";
import type { Look } from "./places.ts";
import type { Spot } from "./sightings.ts";

/** Bytes of one file that are searched as a whole; beyond, as a stream. */
const WHOLE = 2 ** 20;
/** Bytes of one image. */
const MOST = 16 * 2 ** 30;
const HEAD = 512;

/** @param images id to what people call it */
export async function lookAtLayers(look: Look, images: ReadonlyMap<string, string>): Promise<void> {
  // Images with one base share its layers: each is looked at once.
  const seen = new Set<string>();
  for (const [id, subject] of images) {
    await look.into.look(subject, "files in its layers", () => lookAtImage(look, id, subject, seen));
  }
}

async function lookAtImage({ evidence, into }: Look, id: string, subject: string, seen: Set<string>): Promise<void> {
  let left = MOST;
  for await (const entry of readTar(evidence.archive(id))) {
    if (!entry.isFile || seen.has(entry.path)) continue;
    const [head, all] = await peek(counted(entry.body, (bytes) => (left -= bytes)));
    const tar = isGzip(head) ? gunzipped(all) : isTar(head) ? all : null;
    if (tar === null && isZstd(head)) into.gap(subject, "a layer", "it is compressed with zstd");
    // What is no layer is the configuration, which is looked at as what the engine says of the image.
    if (tar === null) continue;
    seen.add(entry.path);
    for await (const file of readTar(tar)) await lookAtFile(file, subject, into);
    if (left > 0) continue;
    into.gap(subject, "files in its layers", `they hold more than ${MOST / 2 ** 30} GiB: the rest was left out`);
    return;
  }
}

async function lookAtFile({ path, isFile, body }: TarEntry, subject: string, into: Look["into"]): Promise<void> {
  const spot: Spot = { rule: "value-in-image", subject, container: null, place: `file /${path} of a layer` };
  into.text({ ...spot, place: `name of a file in a layer` }, path);
  if (!isFile) return;
  into.count("files");
  for (const hit of await search(body, into.searcher)) into.hit(spot, hit);
}

async function search(body: AsyncIterable<Buffer>, searcher: Look["into"]["searcher"]): Promise<Hit[]> {
  const pieces: Buffer[] = [];
  const hits: Hit[] = [];
  let [size, stream] = [0, null as ReturnType<typeof searcher.stream> | null];
  for await (const piece of body) {
    size += piece.length;
    if (stream !== null) hits.push(...stream.push(piece));
    else pieces.push(piece);
    if (stream !== null || size <= WHOLE) continue;
    stream = searcher.stream();
    for (const kept of pieces.splice(0)) hits.push(...stream.push(kept));
  }
  return stream === null ? searcher.search(Buffer.concat(pieces)) : [...hits, ...stream.end()];
}

const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b;
const isZstd = (head: Buffer): boolean => head.subarray(0, 4).equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]));

function gunzipped(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // An error of either is thrown by the loop that reads.
  return pipeline(Readable.from(chunks), createGunzip(), () => undefined);
}

async function* counted(chunks: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

/** The first bytes, and all of it with them. */
async function peek(chunks: AsyncIterable<Buffer>): Promise<[head: Buffer, all: AsyncIterable<Buffer>]> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < HEAD) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const all = async function* (): AsyncIterable<Buffer> {
    yield head;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  return [head, all()];
}
