/** Video calls through Arbiter. Begin with {@link Room}. */
export type { DeviceKind } from "./devices.js";
export { RoomError } from "./errors.js";
export type { DeviceSlot } from "./media.js";
export { roomPath } from "./path.js";
export { Room } from "./room.js";
export type * from "./types.js";
