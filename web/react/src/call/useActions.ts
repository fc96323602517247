import { useMemo } from "react";
import type { Chosen } from "../media/acquire.ts";
import type { UseRoom } from "../useRoom.ts";

/** What the bar and the keyboard do. */
export interface Actions {
  toggleMicrophone(): void;
  toggleCamera(): void;
  toggleScreen(): void;
  toggleChat(): void;
  toggleSettings(): void;
  toggleStatistics(): void;
  toggleShortcuts(): void;
  closePanel(): void;
  leave(): void;
}

/** The panels at the side; one at a time. Statistics are laid over the picture and go beside any. */
export type PanelName = "chat" | "settings" | "shortcuts";

/** How the actions change what is open. */
export interface Opening {
  panel(change: (open: PanelName | undefined) => PanelName | undefined): void;
  statistics(change: (open: boolean) => boolean): void;
}

/** The actions on a call. A device that was chosen before it was first used is named then. */
export function useActions(
  call: UseRoom,
  chosen: Readonly<Chosen>,
  opening: Opening,
  onLeave: () => void,
): Actions {
  return useMemo(() => {
    const { features, camera, screen } = call.self;
    const toggle = (name: PanelName) => () => opening.panel((open) => (open === name ? undefined : name));
    return {
      toggleMicrophone: () => {
        const first = !camera?.getAudioTracks().length;
        void call.setMicrophone(!features.audio, first ? chosen.audioinput : undefined);
      },
      toggleCamera: () => {
        const first = !camera?.getVideoTracks().length;
        void call.setCamera(!features.video, first ? chosen.videoinput : undefined);
      },
      toggleScreen: () => void (screen ? call.stopScreen() : call.shareScreen()),
      toggleChat: toggle("chat"),
      toggleSettings: toggle("settings"),
      toggleShortcuts: toggle("shortcuts"),
      closePanel: () => opening.panel(() => undefined),
      toggleStatistics: () => opening.statistics((open) => !open),
      leave: onLeave,
    };
  }, [call, chosen, opening, onLeave]);
}
