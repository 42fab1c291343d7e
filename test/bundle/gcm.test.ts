/** AES-256-GCM against the test cases of the specification (McGrew and Viega, appendix B, 14 to 18; NIST has them too). */
import { expect, test } from "vitest";
import { decryptValue, encryptValue, parseEnc } from "../../src/bundle/value.ts";

const KEY = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const PLAIN =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const AAD = "feedfacedeadbeeffeedfacedeadbeefabaddad2";

const CASES = [
  {
    name: "14: all zero, a block",
    key: "00".repeat(32),
    iv: "00".repeat(12),
    aad: "",
    plain: "00".repeat(16),
    data: "cea7403d4d606b6e074ec5d3baf39d18",
    tag: "d0d1c8a799996bf0265b98b5d48ab919",
  },
  {
    name: "15: four blocks, no additional data",
    key: KEY,
    iv: "cafebabefacedbaddecaf888",
    aad: "",
    plain: `${PLAIN}1aafd255`,
    data: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
    tag: "b094dac5d93471bdec1a502270e3cc6c",
  },
  {
    name: "16: additional data, a part of a block",
    key: KEY,
    iv: "cafebabefacedbaddecaf888",
    aad: AAD,
    plain: PLAIN,
    data: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
    tag: "76fc6ece0f4e1768cddf8853bb2d551b",
  },
  {
    name: "17: an IV of 8 bytes",
    key: KEY,
    iv: "cafebabefacedbad",
    aad: AAD,
    plain: PLAIN,
    data: "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0feb582d33934a4f0954cc2363bc73f7862ac430e64abe499f47c9b1f",
    tag: "3a337dbf46a792c45e454913fe2ea8f2",
  },
  {
    name: "18: an IV of 60 bytes",
    key: KEY,
    iv: "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
    aad: AAD,
    plain: PLAIN,
    data: "5a8def2f0c9e53f1f75d7853659e2a20eeb2b22aafde6419a058ab4f6f746bf40fc0c3b780f244452da3ebf1c5d82cdea2418997200ef82e44ae7e3f",
    tag: "a44a8266ee1c8eb0c8b5d4cf5ae9f19a",
  },
] as const;

const hex = (text: string): Buffer => Buffer.from(text, "hex");

test.each(CASES)("$name", ({ key, iv, aad, plain, data, tag }) => {
  const sealed = { data: hex(data), iv: hex(iv), tag: hex(tag), type: "str" };
  const additional = hex(aad).toString("latin1");
  expect(decryptValue(sealed, hex(key), additional)?.toString("hex")).toBe(plain);
  for (const part of ["data", "iv", "tag"] as const) {
    for (let bit = 0; bit < sealed[part].length * 8; bit += 7) {
      const changed = Buffer.from(sealed[part]);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decryptValue({ ...sealed, [part]: changed }, hex(key), additional)).toBeNull();
    }
  }
  expect(decryptValue(sealed, hex(key), `${additional}x`)).toBeNull();
  const again = parseEnc(encryptValue(hex(plain), hex(key), additional, "str"));
  expect(again === null ? null : decryptValue(again, hex(key), additional)?.toString("hex")).toBe(plain);
});
