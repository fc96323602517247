export { Arbiter } from "./Arbiter.tsx";
export { type ArbiterProps, ArbiterProvider } from "./ArbiterProvider.tsx";
export { Banners } from "./call/Banners.tsx";
export { CallRegion } from "./call/CallRegion.tsx";
export { Chat } from "./call/Chat.tsx";
export {
  CameraButton,
  ChatButton,
  Controls,
  LeaveButton,
  MicrophoneButton,
  ScreenButton,
  SettingsButton,
} from "./call/Controls.tsx";
export { Grid } from "./call/Grid.tsx";
export type { Participant } from "./call/participants.ts";
export { Settings, Shortcuts } from "./call/SidePanels.tsx";
export { Sound } from "./call/Sound.tsx";
export { StatisticsPanel } from "./call/StatisticsPanel.tsx";
export { Tile, type TileProps } from "./call/Tile.tsx";
export type { Rect } from "./call/tiling.ts";
export type { Actions, PanelName } from "./call/useActions.ts";
export { useParticipants } from "./call/useParticipants.ts";
export type { CallSnapshot } from "./callStore.ts";
export { type ArbiterCall, type Stage, useArbiter } from "./context.ts";
export { Lobby } from "./lobby/Lobby.tsx";
export { Screens } from "./screens/Screens.tsx";
export { Status } from "./screens/Status.tsx";
export { ArbiterSession, type ArbiterSessionProps } from "./session/ArbiterSession.tsx";
export { type UseRoom, type UseRoomOptions, useRoom } from "./useRoom.ts";
