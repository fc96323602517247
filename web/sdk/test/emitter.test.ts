import { expect, test, vi } from "vitest";
import { Emitter } from "../src/emitter.js";

class Bell extends Emitter<{ ring: number }> {
  ring(times: number): void {
    this.emit("ring", times);
  }
}

test("a listener hears every event until it is removed", () => {
  const bell = new Bell();
  const heard: number[] = [];
  const stop = bell.on("ring", (times) => heard.push(times));
  bell.ring(1);
  bell.ring(2);
  stop();
  bell.ring(3);
  expect(heard).toEqual([1, 2]);
});

test("once hears one event, and off none", () => {
  const bell = new Bell();
  const heard: string[] = [];
  const never = () => heard.push("never");
  bell.once("ring", (times) => heard.push(`once ${times}`));
  bell.on("ring", never);
  bell.off("ring", never);
  bell.ring(1);
  bell.ring(2);
  expect(heard).toEqual(["once 1"]);
});

test("a listener that throws neither stops the others nor the caller", () => {
  const bell = new Bell();
  const reported = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(() => undefined);
  const heard = vi.fn();
  bell.on("ring", () => {
    throw new Error("mine");
  });
  bell.on("ring", heard);
  bell.ring(1);
  expect(heard).toHaveBeenCalledWith(1);
  expect(reported).toHaveBeenCalledOnce();
  reported.mockRestore();
});

test("a listener that is added during an event waits for the next one", () => {
  const bell = new Bell();
  const late = vi.fn();
  bell.once("ring", () => bell.on("ring", late));
  bell.ring(1);
  expect(late).not.toHaveBeenCalled();
  bell.ring(2);
  expect(late).toHaveBeenCalledExactlyOnceWith(2);
});
