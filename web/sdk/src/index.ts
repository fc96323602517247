/** Video calls through Arbiter: begin with {@link Room}. Sessions to the OpenTok model: {@link Session}. */
export type { DeviceKind } from "./devices.js";
export { RoomError } from "./errors.js";
export type { DeviceSlot } from "./media.js";
export { SessionError } from "./opentok/errors.js";
export { Session } from "./opentok/session.js";
export type * from "./opentok/types.js";
export { roomPath } from "./path.js";
export { Room } from "./room.js";
export type * from "./types.js";
