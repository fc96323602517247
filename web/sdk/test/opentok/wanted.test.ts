import { expect, test } from "vitest";
import { SessionError } from "../../src/opentok/errors.js";
import { Wanted } from "../../src/opentok/wanted.js";

const refused = (status: number, code: string) => new SessionError({ status, code, message: code });
const moment = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

/** Requests whose answers the test gives, in their order. */
function asked() {
  const open: { resolve(): void; reject(error: unknown): void }[] = [];
  const state = { up: true, asked: 0, open };
  const wanted = new Wanted(
    () => {
      state.asked += 1;
      return new Promise<void>((resolve, reject) => open.push({ resolve, reject }));
    },
    () => state.up,
  );
  return { wanted, state };
}

test("there is one request at a time, and then one for all that was wanted in the meantime", async () => {
  const { wanted, state } = asked();
  const first = wanted.changed();
  const others = [wanted.changed(), wanted.changed()];
  expect(state.asked).toBe(1);
  state.open[0]?.resolve();
  await first;
  await moment();
  expect(state.asked).toBe(2);
  state.open[1]?.resolve();
  await Promise.all(others);
  await moment();
  expect(state.asked).toBe(2);
});

test("what is refused for a reason that passes is asked again, and what is not is thrown", async () => {
  const { wanted, state } = asked();
  const done = wanted.changed();
  state.open[0]?.reject(refused(503, "sfu_unavailable"));
  await moment(300);
  expect(state.asked).toBe(2);
  state.open[1]?.reject(refused(404, "stream_not_found"));
  await expect(done).rejects.toMatchObject({ code: "stream_not_found" });
  await moment(300);
  expect(state.asked).toBe(2);
});

test("a full number of streams does not pass, though its status is 429", async () => {
  const { wanted, state } = asked();
  const done = wanted.changed();
  state.open[0]?.reject(refused(429, "stream_limit_exceeded"));
  await expect(done).rejects.toMatchObject({ code: "stream_limit_exceeded" });
});

test("without a socket it waits for one, and after a loss what had no answer is asked again", async () => {
  const { wanted, state } = asked();
  state.up = false;
  const done = wanted.changed();
  expect(state.asked).toBe(0);
  state.up = true;
  wanted.resume();
  expect(state.asked).toBe(1);
  state.up = false;
  state.open[0]?.reject(refused(503, "dropped"));
  await moment(300);
  expect(state.asked).toBe(1);
  state.up = true;
  wanted.resume();
  expect(state.asked).toBe(2);
  state.open[1]?.resolve();
  await done;
  wanted.resume();
  expect(state.asked, "what is known is not asked again").toBe(2);
  wanted.again();
  expect(state.asked, "unless whoever knew it is gone").toBe(3);
});

test("whoever still waits at the end is told", async () => {
  const { wanted, state } = asked();
  const done = wanted.changed();
  wanted.end(refused(400, "connection_not_found"));
  await expect(done).rejects.toMatchObject({ code: "connection_not_found" });
  state.open[0]?.reject(refused(503, "dropped"));
  await moment(300);
  expect(state.asked).toBe(1);
});
