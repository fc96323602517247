import type { DisconnectReason, SessionError } from "@arbiter/client";
import { errorWords, noticeWords, type Words } from "../screens/texts.ts";

/** Why a session has ended, for people, and what to do. */
export function endWords(reason: DisconnectReason | undefined, error: SessionError | undefined): Words {
  switch (reason) {
    case "clientDisconnected":
      return { title: "You left the session", text: "You can come back as long as your link is good." };
    case "forceDisconnected":
      return { title: "You were removed", text: "A moderator has ended your stay in this session." };
    case "replaced":
      return {
        title: "You joined somewhere else",
        text: "This session goes on in another tab or on another device.",
      };
    default:
      return failureWords(error);
  }
}

function failureWords(error: SessionError | undefined): Words {
  switch (error?.code) {
    case "unreachable":
    case "networkDisconnected":
      return { title: "No connection", text: "The session cannot be reached. Check your network." };
    case "connection_limit_exceeded":
      return {
        title: "The session is full",
        text: "Nobody more can join, or too many have come with this link. Try again when somebody has left.",
      };
    case "unauthorized":
    case "forbidden":
    case "room_not_found":
      return {
        title: "This link does not work",
        text: "It may have expired, or be for another session. Ask for a new one.",
      };
    default:
      return errorWords(error);
  }
}

/** What went wrong without ending the session, as one line. */
export function errorLine(error: SessionError): string {
  switch (error.code) {
    case "media_failed":
      return "No sound and picture came through. Publish again; if that does not help, leave and come back.";
    case "stream_not_found":
    case "connection_not_found":
      return "They had left, or ended it, already.";
    case "forbidden":
      return "Your role does not allow this.";
    case "too_many_requests":
      return "That was too much at once. Try again in a moment.";
    default:
      return noticeWords(error);
  }
}
