import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { machine } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";
import { ScriptedSession } from "./scriptedSession.ts";

vi.mock("@arbiter/client", async () => ({
  Room: (await import("./scriptedRoom.ts")).ScriptedRoom,
  Session: (await import("./scriptedSession.ts")).ScriptedSession,
}));

beforeEach(() => {
  localStorage.clear();
  ScriptedRoom.reset();
  ScriptedSession.reset();
  machine.reset();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});
