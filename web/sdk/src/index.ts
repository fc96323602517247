/** Video calls through Arbiter: begin with {@link Room}. Sessions as OpenTok has them: {@link Session}. */

export { type Otc, RoomError, type RoomErrorInit } from "./errors.js";
export type { LogFields, Logger } from "./logger.js";
export type { DeviceKind } from "./media/devices.js";
export type { DeviceSlot } from "./media/local.js";
export { SessionError } from "./opentok/errors.js";
export { Publisher } from "./opentok/publisher.js";
export { Session } from "./opentok/session.js";
export { Subscriber } from "./opentok/subscriber.js";
export type * from "./opentok/types.js";
export { roomPath } from "./room/path.js";
export { Room } from "./room/room.js";
export type * from "./room/types.js";
