import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { machine } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

vi.mock("@arbiter/client", async () => ({ Room: (await import("./scriptedRoom.ts")).ScriptedRoom }));

beforeEach(() => {
  localStorage.clear();
  ScriptedRoom.reset();
  machine.reset();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});
