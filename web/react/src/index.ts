export { Arbiter, type ArbiterProps } from "./Arbiter.tsx";
export type { CallSnapshot } from "./callStore.ts";
export { type UseRoom, type UseRoomOptions, useRoom } from "./useRoom.ts";
