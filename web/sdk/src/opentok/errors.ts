import { CodedError, type CodedErrorInit, type Otc, type RoomError } from "../errors.js";

/** What went wrong in a session. `message` may be shown; `code` and `otc` are for programs. */
export class SessionError extends CodedError {
  override readonly name = "SessionError";

  constructor(init: CodedErrorInit, cause?: unknown) {
    super(init, cause === undefined ? undefined : { cause });
  }
}

/** The errors that this client makes itself, each as the gateway would say it where it would. */
const OWN = {
  /** There is no session to do this in, or not at the moment. */
  notConnected: [400, "connection_not_found", 1010, "NOT_CONNECTED"],
  illegalState: [409, "already_identified", 1015, "ILLEGAL_STATE"],
  badParameter: [400, "bad_message", 1011, "NULL_OR_INVALID_PARAMETER"],
  dropped: [503, "dropped", 1022, "CONNECTION_DROPPED"],
  relayedFull: [409, "relayed_session_full", 1403, "OT_P2P_SESSION_MAX_PARTICIPANTS"],
  over: [410, "connection_over", 1022, "CONNECTION_DROPPED"],
  signalData: [413, "too_large", 1413, "SIGNAL_DATA_TOO_LONG"],
  signalTypeLength: [413, "too_large", 1414, "SIGNAL_TYPE_TOO_LONG"],
  signalType: [400, "bad_message", 1461, "INVALID_SIGNAL_TYPE"],
  mayNotPublish: [403, "forbidden", 1500, "OT_UNABLE_TO_PUBLISH"],
  mayNotSubscribe: [403, "forbidden", 1501, "OT_UNABLE_TO_SUBSCRIBE"],
  publisherUnknown: [404, "publisher_not_found", 1113, "PUBLISHER_NOT_FOUND"],
  subscriberUnknown: [404, "subscriber_not_found", 1112, "SUBSCRIBER_NOT_FOUND"],
  streamUnknown: [404, "stream_not_found", 1535, "FORCE_UNPUBLISH_OR_INVALID_STREAM"],
  notPublished: [503, "media_failed", 1500, "OT_UNABLE_TO_PUBLISH"],
  encryptionUnsupported: [400, "encryption_unsupported", 6001, "OTC_SESSION_ENCRYPTION_INTERNAL_ERROR"],
  encryptionMismatch: [400, "encryption_mismatch", 6003, "OTC_SUBSCRIBER_ENCRYPTION_SECRET_MISMATCH"],
  encryptionSecret: [400, "bad_message", 6004, "INVALID_ENCRYPTION_SECRET"],
} as const;

/** One of {@link OWN}. */
export function sessionError(kind: keyof typeof OWN, message: string): SessionError {
  const [status, code, number, name] = OWN[kind];
  return new SessionError({
    status,
    code,
    message,
    otc: { number, name: name.startsWith("OT_") ? name : `OTC_SESSION_${name}` },
  });
}

/** What a request or a connect failed with, as an error of a session. */
export function fromRoomError(error: RoomError): SessionError {
  const { code, message, status, otc = OTHERWISE[code] } = error;
  return new SessionError({ code, message, status, otc }, error.cause);
}

/** Numbers for what the gateway does not say. */
const OTHERWISE: Record<string, Otc> = {
  unreachable: { number: 1021, name: "OTC_SESSION_CONNECTION_TIMED_OUT" },
  internal_error: { number: 2000, name: "OTC_SESSION_INTERNAL_ERROR" },
};
