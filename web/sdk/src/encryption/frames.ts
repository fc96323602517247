/**
 * What of an encrypted frame is in the clear, for the packetisers of browsers and for the SFU. All of it is a copy: the whole frame is in the
 * ciphertext too, and a decoder gets nothing else.
 *
 * - Opus: nothing.
 * - VP8: the first byte of a frame (RFC 6386 §9.1: whether it is a key frame), and the first ten of a key frame (its size too).
 * - H264: the parameter sets, which anything between may rewrite; then one slice, whose first three bytes are those of the frame's first
 *   slice (its type, and the parameter set that it belongs to), and whose rest is the ciphertext, with emulation prevention.
 */

import { type Bytes, concat } from "./sframe.js";

/** A frame that is about to be encrypted. */
export interface Outgoing {
  /** What must arrive as it is sent: it is authenticated. */
  clear: Bytes;
  /** What is sent, with the frame's ciphertext in it. */
  with(sealed: Bytes): Bytes;
}

/** A frame that has been encrypted, if it is one. */
export interface Incoming {
  clear: Bytes;
  sealed: Bytes;
}

/** The codecs whose frames can be encrypted. */
export const CODECS: readonly string[] = ["audio/opus", "video/vp8", "video/h264"];

const NOTHING: Bytes = new Uint8Array();
const START = new Uint8Array([0, 0, 0, 1]);
/** H264's NAL unit types (ITU-T H.264 table 7-1). */
const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 };
/** The NAL unit's header, and two bytes of the slice's: receivers look up its picture parameter set there. */
const SLICE_BYTES = 3;
/** Ends the slice, as a slice never ends in zero bytes. */
const STOP = 0x80;

/** How a frame is to be sent; nothing if it cannot be. */
export function outgoing(kind: "audio" | "video", frame: Bytes): Outgoing | undefined {
  if (kind === "audio") return { clear: NOTHING, with: (sealed) => sealed };
  if (isH264(frame)) return outgoingH264(frame);
  const clear = frame.slice(0, vp8Bytes(frame));
  return clear.length > 0 ? { clear, with: (sealed) => concat(clear, sealed) } : undefined;
}

/** What is in a frame that has come; nothing if it cannot have been encrypted. */
export function incoming(kind: "audio" | "video", frame: Bytes): Incoming | undefined {
  if (kind === "audio") return { clear: NOTHING, sealed: frame };
  if (isH264(frame)) return incomingH264(frame);
  const bytes = vp8Bytes(frame);
  return { clear: frame.slice(0, bytes), sealed: frame.slice(bytes) };
}

/** Byte streams (ITU-T H.264 annex B) begin as no picture in VP8 does: a key frame, which 0 begins, goes on with 9d 01 2a. */
function isH264(frame: Bytes): boolean {
  const [a, b, c, d] = frame;
  return a === 0 && b === 0 && ((c === 0 && d === 1) || (c === 1 && d !== 0x9d));
}

function vp8Bytes([first = 1]: Bytes): number {
  return first & 1 ? 1 : 10;
}

function outgoingH264(frame: Bytes): Outgoing | undefined {
  const units = nalUnits(frame);
  const slice = units.find((unit) => isSlice(unit) && unit.length >= SLICE_BYTES);
  if (!slice) return undefined;
  const parameters = units.filter((unit) => type(unit) === NAL.sps || type(unit) === NAL.pps);
  const clear = slice.slice(0, SLICE_BYTES);
  const before = concat(...parameters.flatMap((unit) => [START, unit]), START, clear.subarray(0, 1));
  return {
    clear,
    with: (sealed) => concat(before, escaped(concat(clear.subarray(1), sealed, new Uint8Array([STOP])))),
  };
}

function incomingH264(frame: Bytes): Incoming | undefined {
  const last = nalUnits(frame).at(-1);
  if (!last || !isSlice(last)) return undefined;
  const unit = concat(last.subarray(0, 1), unescaped(last.subarray(1)));
  if (unit.at(-1) !== STOP) return undefined;
  return { clear: unit.slice(0, SLICE_BYTES), sealed: unit.slice(SLICE_BYTES, -1) };
}

function type(unit: Uint8Array): number {
  return (unit[0] ?? 0) & 0x1f;
}

function isSlice(unit: Uint8Array): boolean {
  return type(unit) === NAL.slice || type(unit) === NAL.idr;
}

/** The NAL units of a byte stream, without their start codes and the zeros before those. */
function nalUnits(frame: Bytes): Bytes[] {
  const starts: number[] = [];
  for (let at = 2; at < frame.length; at += 1)
    if (frame[at] === 1 && frame[at - 1] === 0 && frame[at - 2] === 0) starts.push(at + 1);
  return starts.map((start, index) => {
    const next = starts[index + 1];
    let end = next === undefined ? frame.length : next - 3;
    while (next !== undefined && end > start && frame[end - 1] === 0) end -= 1;
    return frame.subarray(start, end);
  });
}

/** With emulation prevention (ITU-T H.264 §7.4.1): no start code is in it. */
function escaped(bytes: Bytes): Bytes {
  const result = new Uint8Array(bytes.length + Math.ceil(bytes.length / 2));
  let [length, zeros] = [0, 0];
  for (const byte of bytes) {
    if (zeros === 2 && byte <= 3) {
      result[length++] = 3;
      zeros = 0;
    }
    result[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return result.slice(0, length);
}

function unescaped(bytes: Uint8Array): Bytes {
  const result = new Uint8Array(bytes.length);
  let [length, zeros] = [0, 0];
  for (const byte of bytes) {
    if (zeros === 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    result[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return result.slice(0, length);
}
