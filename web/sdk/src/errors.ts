/** The number and the name that the OpenTok model has for an error (docs/PROTOCOL.md). */
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
  /** Of an error in a session: what the OpenTok model knows it by. */
  otc?: Otc;
  /** The call is over because of it. */
  fatal: boolean;
}

/** What went wrong in a call. `message` may be shown; `code` is for programs. */
export class RoomError extends Error implements RoomErrorInit {
  override readonly name = "RoomError";
  /** See {@link RoomErrorInit.code}. */
  readonly code: string;
  /** HTTP's meaning, when the gateway said it. */
  readonly status?: number;
  /** See {@link RoomErrorInit.otc}. */
  readonly otc?: Otc;
  /** The call is over because of it. */
  readonly fatal: boolean;

  constructor(init: RoomErrorInit, options?: { cause?: unknown }) {
    super(init.message, options);
    this.code = init.code;
    this.fatal = init.fatal;
    if (init.status !== undefined) this.status = init.status;
    if (init.otc !== undefined) this.otc = init.otc;
  }

  /** The same error, as one that ends the call. */
  asFatal(): RoomError {
    const { code, message, status, otc } = this;
    if (this.fatal) return this;
    return new RoomError({ code, message, ...(status && { status }), ...(otc && { otc }), fatal: true });
  }
}

/** Whatever was thrown, as a {@link RoomError}. */
export function toRoomError(thrown: unknown, code: string, message: string, fatal: boolean): RoomError {
  return thrown instanceof RoomError ? thrown : new RoomError({ code, message, fatal }, { cause: thrown });
}

/** What `join` throws when `leave` was called in the meantime. */
export function leftBeforeJoined(): RoomError {
  return new RoomError({ code: "left", message: "The call was left before it was joined.", fatal: false });
}

/** What `join` throws where there is no `RTCPeerConnection`. */
export function noWebRtc(): RoomError {
  return new RoomError({
    code: "no_webrtc",
    message: "This browser has no WebRTC, which a call needs.",
    fatal: true,
  });
}

/** The same request may succeed later (docs/PROTOCOL.md, "Errors"). */
export function isTransient(error: { status?: number; code?: string }): boolean {
  // Its status is 429 too, but a session that is full stays so.
  if (error.code === "connection_limit_exceeded") return false;
  return error.status === 429 || error.status === 500 || error.status === 503;
}
