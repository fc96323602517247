import { describe, expect, test } from "vitest";
import {
  baseKey,
  decodeHeader,
  encodeHeader,
  Opener,
  Sealer,
  streamKey,
  stretch,
} from "../../src/encryption/sframe.js";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const CLEAR = bytes("10aabb");
const FRAME = bytes("00112233445566778899");

async function base(secret = "a secret of ours", session = "session", stream = "camera00~ann") {
  return streamKey(await stretch(secret, session), stream);
}

// RFC 9605, appendix C.1.
test.each([
  [0n, 0n, "00"],
  [0n, 1n, "01"],
  [0n, 255n, "08ff"],
  [0n, 65_536n, "0a010000"],
  [0n, 0xffff_ffff_ffff_ffffn, "0fffffffffffffffff"],
  [1n, 256n, "190100"],
  [255n, 0n, "80ff"],
  [256n, 256n, "9901000100"],
  [65_535n, 4_294_967_296n, "9cffff0100000000"],
  [16_777_216n, 281_474_976_710_655n, "bd01000000ffffffffffff"],
  [4_294_967_296n, 1n, "c10100000000"],
])("the header of key %s and counter %s is the RFC's", (kid, counter, encoded) => {
  expect(hex(encodeHeader(kid, counter))).toBe(encoded);
  const after = bytes(`${encoded}ffff`);
  expect(decodeHeader(after)).toEqual({ kid, counter, length: encoded.length / 2 });
  for (let length = 0; length < encoded.length / 2; length += 1)
    expect(decodeHeader(after.subarray(0, length))).toBeUndefined();
});

test("the ciphertext of AES_256_GCM_SHA512_128 is the RFC's", async () => {
  // RFC 9605, appendix C.3.
  const key = await baseKey(bytes("000102030405060708090a0b0c0d0e0f"));
  const metadata = bytes("4945544620534672616d65205747");
  const frame = bytes("64726166742d696574662d736672616d652d656e63");
  const sealed = await (await Sealer.create(key, 0x123n, 0x4567n)).seal(frame, metadata);
  expect(hex(sealed)).toBe(
    "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279",
  );
  expect(await new Opener(key).open(sealed, metadata)).toEqual(frame);
});

test("frames come back as they were, whatever their size", async () => {
  const key = await base();
  const sealer = await Sealer.create(key);
  const opener = new Opener(await base());
  for (const size of [0, 1, 1_200, 300_000]) {
    const frame = new Uint8Array(size).map((_, at) => at * 7);
    expect(await opener.open(await sealer.seal(frame, CLEAR), CLEAR)).toEqual(frame);
  }
});

test("a secret is the same however its letters were typed, and is good in its session and stream only", async () => {
  const sealed = await (await Sealer.create(await base("caf\u00e9 au lait"))).seal(FRAME, CLEAR);
  const open = async (...of: Parameters<typeof base>) => new Opener(await base(...of)).open(sealed, CLEAR);
  expect(await open("cafe\u0301 au lait")).toEqual(FRAME);
  expect(await open("cafe au lait")).toBe("unreadable");
  expect(await open("caf\u00e9 au lait", "another")).toBe("unreadable");
  expect(await open("caf\u00e9 au lait", "session", "camera00~bob")).toBe("unreadable");
});

test("no bit of a frame, nor of what is beside it, can be altered", async () => {
  const key = await base();
  const sealed = await (await Sealer.create(key)).seal(FRAME, CLEAR);
  const opener = new Opener(key);
  const flipped = (bytes: Uint8Array<ArrayBuffer>, bit: number) =>
    bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
  for (let bit = 0; bit < sealed.length * 8; bit += 1)
    expect(await opener.open(flipped(sealed, bit), CLEAR), `bit ${bit}`).toBe("unreadable");
  for (let bit = 0; bit < CLEAR.length * 8; bit += 1)
    expect(await opener.open(sealed, flipped(CLEAR, bit))).toBe("unreadable");
  for (let length = 0; length < sealed.length; length += 1)
    expect(await opener.open(sealed.slice(0, length), CLEAR)).toBe("unreadable");
  expect(await opener.open(sealed, CLEAR), "none of that has kept it out").toEqual(FRAME);
});

test("what was not encrypted cannot be read", async () => {
  const opener = new Opener(await base());
  for (const frame of [new Uint8Array(), FRAME, new Uint8Array(2_000), new Uint8Array(2_000).fill(255)])
    expect(await opener.open(frame, CLEAR)).toBe("unreadable");
});

describe("no nonce is used twice", () => {
  test("by one sender, also when it encrypts several frames at once", async () => {
    const sealer = await Sealer.create(await base());
    const sealed = await Promise.all(Array.from({ length: 500 }, () => sealer.seal(FRAME, CLEAR)));
    const headers = sealed.map((one) => decodeHeader(one));
    expect(new Set(headers.map((header) => header?.kid)).size).toBe(1);
    expect(new Set(headers.map((header) => header?.counter)).size).toBe(500);
  });

  test("by two senders, or by one whose page was loaded again", async () => {
    const key = await base();
    const first = await Promise.all(
      Array.from({ length: 50 }, async () => (await Sealer.create(key)).seal(FRAME, CLEAR)),
    );
    expect(new Set(first.map((sealed) => decodeHeader(sealed)?.kid)).size).toBe(50);
    // Under another key the same counter gives another ciphertext.
    expect(new Set(first.map((sealed) => hex(sealed.subarray(9)))).size).toBe(50);
  });
});

describe("a frame that came before", () => {
  test("is not taken again", async () => {
    const key = await base();
    const sealed = await (await Sealer.create(key)).seal(FRAME, CLEAR);
    const opener = new Opener(key);
    expect(await opener.open(sealed, CLEAR)).toEqual(FRAME);
    expect(await opener.open(sealed, CLEAR)).toBe("repeated");
  });

  test("may come late, and not too late", async () => {
    const key = await base();
    const sealer = await Sealer.create(key);
    const sealed = await Promise.all(Array.from({ length: 4_000 }, () => sealer.seal(FRAME, CLEAR)));
    const opener = new Opener(key);
    const open = (at: number) => opener.open(sealed[at] ?? FRAME, CLEAR);
    for (let at = 1; at < sealed.length; at += 1) if (at !== 3_100) expect(await open(at)).toEqual(FRAME);
    expect(await open(0)).toBe("repeated");
    expect(await open(3_100)).toEqual(FRAME);
    for (const at of [1, 2_000, 3_100, 3_999]) expect(await open(at)).toBe("repeated");
  });

  test("is not taken again after its sender has got another key", async () => {
    const key = await base();
    const opener = new Opener(key);
    const old = await (await Sealer.create(key)).seal(FRAME, CLEAR);
    expect(await opener.open(old, CLEAR)).toEqual(FRAME);
    for (let page = 0; page < 5; page += 1)
      expect(await opener.open(await (await Sealer.create(key)).seal(FRAME, CLEAR), CLEAR)).toEqual(FRAME);
    expect(await opener.open(old, CLEAR)).toBe("repeated");
  });
});
