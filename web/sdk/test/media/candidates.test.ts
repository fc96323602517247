import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CandidateBox, CandidateSender, candidateStyle } from "../../src/media/candidates.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const candidate = (n: number, usernameFragment?: string): RTCIceCandidateInit => ({
  candidate: `candidate:${n} 1 udp 1 192.0.2.${n} 4000 typ host`,
  ...(usernameFragment !== undefined && { usernameFragment }),
});

describe("our candidates", () => {
  const sending = (...features: string[]) => {
    const sent: unknown[] = [];
    const sender = new CandidateSender(
      () => candidateStyle(features),
      (content) => void sent.push(content),
    );
    return { sender, sent };
  };

  test("stay here when the SFU needs none", async () => {
    const { sender, sent } = sending("candidates", "ice-lite");
    sender.found(candidate(1));
    sender.found(null);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([]);
  });

  test("travel one by one to an SFU that does not know batches", () => {
    const { sender, sent } = sending();
    sender.found(candidate(1));
    sender.found(candidate(2));
    sender.found(null);
    expect(sent).toEqual([{ candidate: candidate(1) }, { candidate: candidate(2) }]);
  });

  test("travel together when they are found together", async () => {
    const { sender, sent } = sending("candidates");
    sender.found(candidate(1));
    await vi.advanceTimersByTimeAsync(40);
    sender.found(candidate(2));
    await vi.advanceTimersByTimeAsync(11);
    expect(sent).toEqual([{ candidates: [candidate(1), candidate(2)] }]);
    sender.found(candidate(3));
    await vi.advanceTimersByTimeAsync(51);
    expect(sent).toHaveLength(2);
  });

  test("travel at once at the end of gathering, which an empty one says in some browsers", () => {
    const { sender, sent } = sending("candidates");
    sender.found(candidate(1));
    sender.found({ candidate: "" });
    expect(sent).toEqual([{ candidates: [candidate(1)] }]);
    sender.found(null);
    expect(sent).toHaveLength(1);
  });

  test("are at most 64 a batch", () => {
    const { sender, sent } = sending("candidates");
    for (let n = 0; n < 65; n += 1) sender.found(candidate(n));
    sender.found(null);
    expect(sent.map((content) => (content as { candidates: unknown[] }).candidates.length)).toEqual([64, 1]);
  });
});

describe("the SFU's candidates", () => {
  test("wait for their description", () => {
    const box = new CandidateBox();
    expect(box.add([candidate(1), candidate(2)])).toEqual([]);
    expect(box.described("u")).toEqual([candidate(1), candidate(2)]);
    expect(box.add([candidate(3)])).toEqual([candidate(3)]);
  });

  test("of a generation to come wait for it, those of an older one for ever", () => {
    const box = new CandidateBox();
    box.described("first");
    expect(box.add([candidate(1, "second")])).toEqual([]);
    expect(box.described("second")).toEqual([candidate(1, "second")]);
    expect(box.add([candidate(2, "first")])).toEqual([]);
    expect(box.described("third")).toEqual([]);
  });

  test("that nobody can use are dropped", () => {
    const box = new CandidateBox();
    box.described("u");
    const useless = ["", "nonsense", "candidate:1 1 udp 1 3f-2b.local 4000 typ host"].map((text) => ({
      candidate: text,
    }));
    expect(box.add([...useless, {}, null as unknown as RTCIceCandidateInit])).toEqual([]);
  });
});
