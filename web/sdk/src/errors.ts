/** The number and the name that OpenTok has for an error (docs/PROTOCOL.md). */
export interface Otc {
  number: number;
  name: string;
}

/** What went wrong, in words that may be shown, and what a program can tell it by. */
export interface RoomErrorInit {
  /**
   * A code of docs/PROTOCOL.md (`room_closed`, `unauthorized`, …), or one of this library's: `no_webrtc` (the browser has none, and nothing was asked for),
   * `no_room` (none is free and none may be started), `start_failed`, `unreachable` (no answer from Arbiter), `media_refused` (camera or microphone is not allowed), `media_missing` (there is none),
   * `media_busy`, `media_failed` (no media connection came about), `offer_refused` (the SFU does not take what this browser sends;
   * fatal only before the call has stood), `room_full` (nobody more can join), `replaced` (the same person joined elsewhere), `left` (`leave` was called
   * before the call was joined). `too_large` may also be a chat message over 16 KB.
   */
  code: string;
  /** HTTP's meaning, when the gateway said it. */
  status?: number;
  message: string;
  /** Of an error in a session: what OpenTok knows it by. */
  otc?: Otc;
  /** The call is over because of it. */
  fatal: boolean;
}

/** An error that a program can tell by its `code`. */
export class CodedError extends Error {
  /** A code of docs/PROTOCOL.md, or one of this library's: see {@link RoomErrorInit.code}, and for a session its README. */
  readonly code: string;
  /** HTTP's meaning: the gateway's, or what it would have said. */
  readonly status?: number;
  /** The number and the name that OpenTok has for it, if it has: of an error in a session. */
  readonly otc?: Otc;

  constructor(init: CodedErrorInit, options?: ErrorOptions) {
    super(init.message, options);
    this.code = init.code;
    if (init.status !== undefined) this.status = init.status;
    if (init.otc !== undefined) this.otc = init.otc;
  }
}

/** What a {@link CodedError} is made of. */
export interface CodedErrorInit {
  code: string;
  message: string;
  status?: number | undefined;
  otc?: Otc | undefined;
}

/** What went wrong in a call. `message` may be shown; `code` is for programs. */
export class RoomError extends CodedError implements RoomErrorInit {
  override readonly name = "RoomError";
  /** The call is over because of it. */
  readonly fatal: boolean;

  constructor(init: RoomErrorInit, options?: ErrorOptions) {
    super(init, options);
    this.fatal = init.fatal;
  }

  /** The same error, as one that ends the call. */
  asFatal(): RoomError {
    return this.fatal ? this : new RoomError({ ...this, message: this.message, fatal: true });
  }
}

/** What ends the call, as this library found out. */
export function fatalError(code: string, message: string, status?: number): RoomError {
  return new RoomError({ code, message, fatal: true, ...(status && { status }) });
}

/** What the call survives. */
export function mildError(code: string, message: string, cause?: unknown): RoomError {
  return new RoomError({ code, message, fatal: false }, { cause });
}

/** Whatever was thrown, as a {@link RoomError}. */
export function toRoomError(thrown: unknown, code: string, message: string, fatal: boolean): RoomError {
  return thrown instanceof RoomError ? thrown : new RoomError({ code, message, fatal }, { cause: thrown });
}

/** What was thrown in place of an answer, as a {@link RoomError}; without that: there was none. */
export function unreachable(fatal: boolean, thrown?: unknown): RoomError {
  return toRoomError(thrown, "unreachable", "Arbiter does not answer.", fatal);
}

/** What `join` throws when `leave` was called in the meantime. */
export function leftBeforeJoined(): RoomError {
  return mildError("left", "The call was left before it was joined.");
}

/** The same request may succeed later (docs/PROTOCOL.md, "Errors"). */
export function isTransient(error: { status?: number; code?: string }): boolean {
  // Their status is 429 too, but a session that is full stays so.
  if (error.code === "connection_limit_exceeded" || error.code === "stream_limit_exceeded") return false;
  return error.status === 429 || error.status === 500 || error.status === 503;
}
