import { useEffect, useMemo, useRef, useState } from "react";
import type { Acquired, Chosen } from "../media/acquire.ts";
import { adviceLine } from "../media/problems.ts";
import { InviteLink } from "../screens/InviteLink.tsx";
import { noticeWords } from "../screens/texts.ts";
import type { UseRoom } from "../useRoom.ts";
import { Chat } from "./Chat.tsx";
import { Controls } from "./Controls.tsx";
import { Grid } from "./Grid.tsx";
import { Notice } from "./Notice.tsx";
import { Settings, Shortcuts } from "./SidePanels.tsx";
import { Sound } from "./Sound.tsx";
import { StatisticsPanel } from "./StatisticsPanel.tsx";
import { type PanelName, useActions } from "./useActions.ts";
import { useAnnouncements } from "./useAnnouncements.ts";
import { useLasting } from "./useLasting.ts";
import { useShortcuts } from "./useShortcuts.ts";

/** A call that has been joined. */
export interface CallProps {
  call: UseRoom;
  chosen: Readonly<Chosen>;
  inviteUrl: string | undefined;
  onChoose(kind: MediaDeviceKind, deviceId: string): void;
  onName(name: string): void;
  onLeave(): void;
  /** Why camera or microphone could not be had when joining. */
  problems: Acquired["problems"];
}

/** A socket is replaced within half a second, and the call goes on: an interruption is shown after this time, milliseconds. */
const INTERRUPTION = 1_000;

/** The call itself: people, bar, panels. */
export function Call({ call, chosen, inviteUrl, onChoose, onName, onLeave, problems }: CallProps) {
  const root = useRef<HTMLDivElement>(null);
  const [panel, setPanel] = useState<PanelName>();
  const [statistics, setStatistics] = useState(false);
  const opening = useMemo(() => ({ panel: setPanel, statistics: setStatistics }), []);
  const actions = useActions(call, chosen, opening, onLeave);
  const interrupted = useLasting(call.state === "reconnecting", INTERRUPTION);
  const announcement = useAnnouncements(call.room, interrupted);
  useShortcuts(root, actions);
  useEffect(() => root.current?.focus({ preventScroll: true }), []);
  const { unread, markRead } = call;
  useEffect(() => {
    if (panel === "chat" && unread > 0) markRead();
  }, [panel, unread, markRead]);

  const close = () => setPanel(undefined);
  const choose = (kind: MediaDeviceKind, deviceId: string) => {
    onChoose(kind, deviceId);
    if (kind !== "audiooutput") void call.selectDevice(kind, deviceId);
  };
  const alone = call.peers.length === 0 && call.state === "joined";
  return (
    <section className="arbiter-call" ref={root} tabIndex={-1} aria-label="Video call">
      <div className="arbiter-main">
        <div className="arbiter-scene">
          <Grid self={call.self} peers={call.peers} />
          <div className="arbiter-over">
            {interrupted && (
              // For the eye: the live region below says it to those who do not see it.
              <p className="arbiter-banner">
                <i className="arbiter-spinner" />
                Connection lost. Reconnecting…
              </p>
            )}
            {call.self.screen && (
              <p className="arbiter-banner">
                You are sharing your screen
                <button type="button" className="arbiter-link" onClick={actions.toggleScreen}>
                  Stop
                </button>
              </p>
            )}
            <Notice
              subject={call.error}
              text={call.error && !call.error.fatal ? noticeWords(call.error) : undefined}
            />
            <Notice subject={problems} text={adviceLine(problems)} />
            {alone && (
              <div className="arbiter-alone">
                <span>Nobody else is here yet.</span>
                {inviteUrl && <InviteLink url={inviteUrl} />}
              </div>
            )}
            <Sound peers={call.peers} chosen={chosen.audiooutput} devices={call.devices} />
          </div>
          {statistics && <StatisticsPanel call={call} onClose={() => setStatistics(false)} />}
        </div>
        {panel === "chat" && (
          <Chat
            messages={call.chat}
            selfId={call.self.id}
            onSend={(text) => void call.sendChat(text)}
            onClose={close}
          />
        )}
        {panel === "settings" && (
          <Settings {...{ call, chosen, inviteUrl, actions, onName }} onChoose={choose} onClose={close} />
        )}
        {panel === "shortcuts" && <Shortcuts onClose={close} />}
      </div>
      <Controls call={call} actions={actions} panel={panel} />
      <p className="arbiter-hidden" role="status" aria-live="polite" data-announcement>
        {announcement}
      </p>
    </section>
  );
}
