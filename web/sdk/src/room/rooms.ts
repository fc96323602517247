import { backoff, clock, pause } from "../backoff.js";
import { fatalError, RoomError, unreachable } from "../errors.js";
import type { Log } from "../logger.js";

/** No answer to an HTTP request for so long counts as none, in milliseconds. */
const ANSWER_MS = 10_000;
/** Attempts of one HTTP request that fails for reasons that pass. */
const ATTEMPTS = 4;
/** How long a room may take to start, in milliseconds. A task at ECS takes 20 to 60 s. */
const START_MS = 90_000;
/** How long a call that has lost its room waits for another, in milliseconds. */
const RESTORE_MS = 300_000;
/** After a room was started: when to ask for one more, should others have taken it. */
const ASK_AGAIN_MS = 30_000;
/** After it was refused because others are starting some. */
const ASK_AGAIN_SOON_MS = 4_000;

interface Answer {
  status: number;
  body: { roomId?: string; message?: string };
}

/** What `createRoom` came to. `busy`: enough are being started; one of them may be ours. */
export type Created = "started" | "busy";

/** The HTTP API (docs/PROTOCOL.md, "HTTP"). Every method throws a {@link RoomError}, or the signal's reason. */
export class RoomsApi {
  readonly #url: string;
  readonly #token: () => Promise<string | undefined>;
  readonly #log: Log | undefined;
  readonly #busy: (() => void) | undefined;

  /** `busy` is called whenever Arbiter refuses a request for a reason that passes. */
  constructor(httpUrl: string, token: () => Promise<string | undefined>, log?: Log, busy?: () => void) {
    this.#log = log;
    this.#busy = busy;
    this.#url = httpUrl.replace(/\/+$/, "");
    this.#token = token;
  }

  /** The room that the path has. */
  async find(path: string, signal: AbortSignal): Promise<string | undefined> {
    return roomOf(
      await this.#ask("GET", `/getRoomId?urlPath=${encodeURIComponent(path)}`, undefined, signal),
    );
  }

  /** The room that the path has, or gets now; `undefined` when none is free. */
  async claim(path: string, signal: AbortSignal): Promise<string | undefined> {
    return roomOf(await this.#ask("PATCH", "/claimRoom", { urlPath: path }, signal));
  }

  /** Starts a room. */
  async create(signal: AbortSignal): Promise<Created> {
    const answer = await this.#ask("PUT", "/createRoom", undefined, signal);
    if (answer.status === 200) return "started";
    if (answer.body.message === "Too many idle rooms") return "busy";
    throw answer.status === 429
      ? fatalError("no_room", "All rooms are in use.", 429)
      : fatalError("start_failed", "A room could not be started.", answer.status);
  }

  /** Sends one request, again while it fails for a reason that passes. */
  async #ask(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#fetch(method, path, body, signal);
      signal.throwIfAborted();
      if (answer && !passing(answer)) return checked(answer);
      if (answer) this.#busy?.();
      if (attempt + 1 >= ATTEMPTS) {
        if (answer) return checked(answer);
        throw unreachable(true);
      }
      const [route] = path.split("?");
      this.#log?.("warn", "A request failed and is made again.", {
        method,
        route,
        status: answer?.status,
      });
      await pause(backoff(attempt, 250, 2_000), signal);
    }
  }

  /** One request and its answer; `undefined` when there was none. */
  async #fetch(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const token = await this.#token();
    const limit = new AbortController();
    const stop = () => limit.abort();
    signal.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(stop, ANSWER_MS);
    try {
      const response = await fetch(this.#url + path, {
        method,
        signal: limit.signal,
        headers: {
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(token !== undefined && method !== "GET" && { authorization: `Bearer ${token}` }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const answered: unknown = await response.json().catch(() => undefined);
      return { status: response.status, body: (answered ?? {}) as Answer["body"] };
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }
}

/** Worth asking again: a fault of Arbiter's, or a throttle. What createRoom decided is none. */
function passing({ status, body }: Answer): boolean {
  if (body.message === "Failed to start task.") return false;
  return status >= 500 || (status === 429 && !body.message?.startsWith("Too many "));
}

/** Answers that no caller can do anything about are thrown. */
function checked(answer: Answer): Answer {
  const { status } = answer;
  const refuse = (code: string, message: string) => {
    throw fatalError(code, message, status);
  };
  if (status === 401) refuse("unauthorized", "The token is not valid.");
  if (status === 403) refuse("forbidden", "The token does not admit to this call.");
  if (status === 404 && answer.body.message !== "Room not found")
    refuse("unreachable", "Arbiter is not at this address.");
  if (status === 400) refuse("bad_message", answer.body.message ?? "The request was refused.");
  if (passing(answer)) {
    if (status === 429) refuse("too_many_requests", "Arbiter has too much to do.");
    refuse("internal_error", "Arbiter has a problem.");
  }
  return answer;
}

function roomOf({ status, body }: Answer): string | undefined {
  return status === 200 ? body.roomId : undefined;
}

/** How to obtain a room. */
export interface Obtain {
  /** See first whether the path has a room: cheaper than a claim, and open to everybody. */
  look: boolean;
  /** Start one when none is free. */
  create: boolean;
  /** A call has lost its room: wait longer, and also through what passes, such as its own room still being counted. */
  restore: boolean;
  signal: AbortSignal;
  /** No room was free; one is being started. Called once. */
  starting?: () => void;
}

/** What everybody waits through … */
const PASSING = new Set(["internal_error", "too_many_requests"]);
/** … and besides, whoever has lost a room. */
const WAITED_THROUGH = new Set(["unreachable", "no_room", "start_failed"]);

/** The room of a path: the one that it has, else a free one, else one that is started. */
export async function obtainRoom(api: RoomsApi, path: string, how: Obtain): Promise<string> {
  const { create, restore, signal } = how;
  let { look, starting } = how;
  const end = clock() + (restore ? RESTORE_MS : START_MS);
  let askAt = Number.NEGATIVE_INFINITY;
  let reason = fatalError("start_failed", "The room did not start in time.");
  for (let attempt = 0; ; attempt += 1) {
    try {
      const found = look ? await api.find(path, signal) : undefined;
      if (found) return found;
      look = false;
      const claimed = await api.claim(path, signal);
      if (claimed) return claimed;
      if (!create && !restore) throw fatalError("no_room", "No room is free.");
      starting?.();
      starting = undefined;
      if (create && clock() >= askAt) {
        askAt = clock() + ASK_AGAIN_SOON_MS;
        if ((await api.create(signal)) === "started") askAt = clock() + ASK_AGAIN_MS;
      }
    } catch (error) {
      if (!(error instanceof RoomError)) throw error;
      if (!(PASSING.has(error.code) || (restore && WAITED_THROUGH.has(error.code)))) throw error;
      reason = error;
    }
    if (clock() >= end) throw reason;
    await pause(backoff(attempt, 500, 3_000), signal);
  }
}
