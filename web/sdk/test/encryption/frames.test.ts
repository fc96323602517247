import { describe, expect, test } from "vitest";
import { incoming, outgoing } from "../../src/encryption/frames.js";

const bytes = (...values: number[]) => new Uint8Array(values);
const concat = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));
const START = bytes(0, 0, 0, 1);
const SPS = bytes(0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40);
const PPS = bytes(0x68, 0xce, 0x3c, 0x80);
const IDR = bytes(0x65, 0xb8, 0x00, 0x04, 0x11, 0x22, 0x33);
const SEALED = bytes(9, 8, 7, 6, 5, 4, 3, 2, 1);

test("nothing of sound is in the clear", () => {
  const frame = bytes(0x78, 1, 2);
  const way = outgoing("audio", frame);
  expect(way?.clear).toEqual(bytes());
  expect(way?.with(SEALED)).toEqual(SEALED);
  expect(incoming("audio", SEALED)).toEqual({ clear: bytes(), sealed: SEALED });
});

describe("VP8", () => {
  const key = bytes(0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00, 0xaa, 0xbb);
  test.each([
    ["a key frame", key, 10],
    ["another frame", bytes(0x31, 2, 0, 0xaa, 0xbb), 1],
    // Hidden, and with a first partition of so many bytes that it looks like a start code.
    ["a key frame that begins with 0, 0, 1", bytes(0, 0, 1, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0, 1), 10],
  ])("of %s the first bytes are in the clear, and come back", (_, frame, clear) => {
    const way = outgoing("video", frame);
    expect(way?.clear).toEqual(frame.slice(0, clear));
    const sent = way?.with(SEALED) ?? bytes();
    expect(sent).toEqual(concat(frame.slice(0, clear), SEALED));
    expect(incoming("video", sent)).toEqual({ clear: frame.slice(0, clear), sealed: SEALED });
  });
});

describe("H264", () => {
  const frame = concat(START, SPS, START, PPS, bytes(0, 0, 1, 0x06, 5, 1, 0x80), START, IDR, START, IDR);

  test("has its parameter sets and three bytes of a slice in the clear, and the rest in that slice", () => {
    const way = outgoing("video", frame);
    expect(way?.clear).toEqual(IDR.slice(0, 3));
    const sent = way?.with(SEALED) ?? bytes();
    expect(sent).toEqual(concat(START, SPS, START, PPS, START, IDR.slice(0, 3), SEALED, bytes(0x80)));
    expect(incoming("video", sent)).toEqual({ clear: IDR.slice(0, 3), sealed: SEALED });
  });

  test("comes back when a browser has rewritten a parameter set on its way", () => {
    const sent = outgoing("video", frame)?.with(SEALED) ?? bytes();
    const rest = sent.slice(4 + SPS.length);
    expect(incoming("video", concat(START, SPS, bytes(1, 2, 3), rest))).toEqual({
      clear: IDR.slice(0, 3),
      sealed: SEALED,
    });
  });

  test("has no start code in what was encrypted, whatever that is", () => {
    const delta = concat(START, bytes(0x41, 0, 0, 3, 1, 9));
    let state = 1;
    for (let round = 0; round < 500; round += 1) {
      const sealed = bytes(
        ...Array.from({ length: round % 40 }, () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          return (state >>> 24) % 5;
        }),
      );
      const way = outgoing("video", delta);
      const sent = way?.with(sealed) ?? bytes();
      expect(Buffer.from(sent).indexOf(Buffer.from([0, 0, 1]), 4)).toBe(-1);
      expect(Buffer.from(sent).indexOf(Buffer.from([0, 0, 0]), 4)).toBe(-1);
      expect(incoming("video", sent)).toEqual({ clear: way?.clear, sealed });
    }
  });

  test("is not sent without a slice, and not taken without its end", () => {
    expect(outgoing("video", concat(START, SPS, START, PPS))).toBeUndefined();
    expect(incoming("video", concat(START, SPS, START, PPS))).toBeUndefined();
    expect(incoming("video", concat(START, IDR))).toBeUndefined();
  });
});
