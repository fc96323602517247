import type { RoomState } from "@arbiter/client";
import { HTTPS_ONLY } from "../media/problems.ts";

/** A headline and what to do. */
export interface Words {
  title: string;
  text: string;
}

/** What a state of joining means to the person who waits. `asking`: for the camera and the microphone. */
export function progressWords(state: RoomState | "asking", busy: boolean): Words {
  if (busy && state !== "asking")
    return {
      title: "It is very busy",
      text: "Many people are joining at the moment. Your turn comes by itself: there is nothing that you need to do.",
    };
  switch (state) {
    case "asking":
      return {
        title: "Camera and microphone",
        text: "Your browser asks whether this page may use them. The call works without, too.",
      };
    case "starting":
      return { title: "Starting a room", text: "This takes up to a minute the first time." };
    case "joining":
    case "joined":
    case "reconnecting":
      return { title: "Joining", text: "Setting up sound and picture." };
    default:
      return { title: "Finding the room", text: "One moment." };
  }
}

/** An error that ended a call, for people. What is not known by its code is shown in the words that came with it. */
export function errorWords(error: { code: string; message: string } | undefined): Words {
  switch (error?.code) {
    case "no_webrtc":
      return {
        title: "This browser cannot hold calls",
        text: "It has no WebRTC. Open this page in an up-to-date Chrome, Edge, Firefox or Safari.",
      };
    case "no_room":
      return {
        title: "No room is free",
        text: "All rooms are taken at the moment.",
      };
    case "start_failed":
      return {
        title: "The room did not start",
        text: "Something went wrong while it was being started.",
      };
    case "unreachable":
      return {
        title: "No connection",
        text: "The call cannot be reached. Check your network.",
      };
    case "media_failed":
      return {
        title: "No sound and picture came through",
        text: "Your network may be blocking calls. Try another network, or turn off the VPN if you use one.",
      };
    case "offer_refused":
      return {
        title: "This browser's sound and picture cannot be taken",
        text: `${error.message} Another browser may help.`,
      };
    case "room_full":
    case "connection_limit_exceeded":
      return { title: "The call is full", text: "Nobody more can join. Try again when somebody has left." };
    case "replaced":
      return {
        title: "You joined somewhere else",
        text: "This call goes on in another tab or on another device.",
      };
    case "peer_in_use":
    case "superseded":
      return {
        title: "You are already in this call",
        text: "Leave it in the other tab or on the other device.",
      };
    case "unauthorized":
    case "forbidden":
      return {
        title: "You may not join this call",
        text: "The link may be for another call, or may have expired. Ask for a new one.",
      };
    case "room_closed":
    case "room_not_found":
      return { title: "The room has closed", text: "Join again to open a new one." };
    case "too_many_requests":
    case "internal_error":
      return { title: "It is very busy", text: "The service could not take you in so far." };
    case undefined:
      return { title: "Something went wrong", text: "Try again." };
    default:
      return { title: "Something went wrong", text: error?.message ?? "" };
  }
}

/** What ended a call and passes: joining is tried again without a click. */
export function passes(error: { code: string } | undefined): boolean {
  return PASSING.has(error?.code ?? "");
}

const PASSING = new Set([
  ...["unreachable", "too_many_requests", "internal_error", "no_room", "start_failed"],
  ...["peer_in_use", "superseded"],
]);

/** An error that the call survived, as one line. */
export function noticeWords(error: { code: string; message: string }): string {
  switch (error.code) {
    case "media_refused":
      if (!globalThis.navigator?.mediaDevices) return HTTPS_ONLY;
      return "The browser does not allow it. Click the icon at the left of the address bar to change that.";
    case "media_missing":
      return `${error.message} Connect one, and turn it on.`;
    case "media_busy":
      return "The device could not be opened. Another program may be using it.";
    case "too_many_requests":
    case "sfu_unavailable":
      return "The connection is slow at the moment.";
    default:
      return error.message;
  }
}
