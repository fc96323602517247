import { useState } from "react";
import { CameraControl, Control, LeaveControl, MicrophoneControl, ScreenControl } from "../call/Control.tsx";
import { Tiles } from "../call/Grid.tsx";
import { Notice } from "../call/Notice.tsx";
import { Region } from "../call/Region.tsx";
import { Voices } from "../call/Sound.tsx";
import { useLasting } from "../call/useLasting.ts";
import { PeopleIcon, PublishIcon } from "../icons.tsx";
import { adviceLine } from "../media/problems.ts";
import { membersOf, tilesOf } from "./members.ts";
import { People } from "./People.tsx";
import type { SessionSnapshot, SessionStore } from "./sessionStore.ts";
import { errorLine } from "./texts.ts";
import { useSessionAnnouncements } from "./useSessionAnnouncements.ts";

/** A socket is replaced within half a second: an interruption is shown after this time, milliseconds. */
const INTERRUPTION = 1_000;

/** What a part of a session's page is given. */
export interface SessionProps {
  store: SessionStore;
  snapshot: SessionSnapshot;
  /** This person's name. */
  name: string;
}

/** The session itself: who publishes, who is there, and the bar. */
export function SessionCall({ store, snapshot, name }: SessionProps) {
  const members = membersOf(snapshot, name);
  const tiles = tilesOf(snapshot, members);
  const interrupted = useLasting(snapshot.state === "reconnecting", INTERRUPTION);
  const announcement = useSessionAnnouncements(store.session, members, interrupted);
  /** How loud somebody is here, 0 to 1, by `connectionId`. */
  const [volumes, setVolumes] = useState<Readonly<Record<string, number>>>({});
  // Beside the picture there is room for the list on a wide page only.
  const [open, setOpen] = useState<"first" | boolean>("first");
  const [wide] = useState(() => globalThis.matchMedia?.("(min-width: 720px)").matches === true);
  const listed = open === "first" ? wide : open;
  const { own, capabilities } = snapshot;
  const toggleList = () => setOpen(!listed);
  const toggleAudio = () => void store.setAudio(!own?.audio);
  const toggleVideo = () => void store.setVideo(!own?.video);
  const toggleScreen = () => void (capabilities?.publish === 1 && store.toggleScreen(name));
  return (
    <Region
      label="Session"
      announcement={announcement}
      keys={{ m: toggleAudio, v: toggleVideo, s: toggleScreen, p: toggleList }}
    >
      <div className="arbiter-main">
        <div className="arbiter-scene">
          <Tiles {...tiles} label="Who publishes" />
          <SessionBanners {...{ store, snapshot, interrupted }} />
          {tiles.people.length + tiles.screens.length === 0 && (
            <p className="arbiter-nobody">Nobody publishes yet. Who does is seen here at once.</p>
          )}
          <Voices
            voices={snapshot.streams.flatMap(({ stream, media }) => {
              const { streamId, connectionId } = stream;
              return media ? [{ key: streamId, stream: media, volume: volumes[connectionId] ?? 1 }] : [];
            })}
          />
        </div>
        {listed && (
          <People
            {...{ store, snapshot, members, volumes }}
            onVolume={(id, volume) => setVolumes((all) => ({ ...all, [id]: volume }))}
            onClose={() => setOpen(false)}
            takeFocus={open !== "first"}
          />
        )}
      </div>
      <fieldset className="arbiter-controls" aria-label="Controls">
        {own && <MicrophoneControl on={own.audio} stream={own.media} onClick={toggleAudio} />}
        {own && <CameraControl on={own.video} onClick={toggleVideo} />}
        {own && (
          <Control label="Stop publishing" hint="Stop publishing" active onClick={store.unpublish}>
            <PublishIcon />
          </Control>
        )}
        {capabilities?.publish === 1 && (
          <ScreenControl sharing={snapshot.screen !== undefined} onClick={toggleScreen} />
        )}
        {!own && capabilities?.publish === 1 && (
          <button
            type="button"
            className="arbiter-button arbiter-primary"
            onClick={() => void store.publish(name)}
          >
            <PublishIcon />
            Publish
          </button>
        )}
        <Control
          label={`People, ${members.length}`}
          hint="People (p)"
          pressed={listed}
          active={listed}
          onClick={toggleList}
        >
          <PeopleIcon />
          <span className="arbiter-badge">{members.length > 99 ? "99+" : members.length}</span>
        </Control>
        <LeaveControl what="the session" onClick={store.leave} />
      </fieldset>
    </Region>
  );
}

/** What is laid over the picture: an interruption, what a moderator has done, what went wrong. */
function SessionBanners(props: Omit<SessionProps, "name"> & { interrupted: boolean }) {
  const { store, snapshot, interrupted } = props;
  const { moderated, error, problems } = snapshot;
  return (
    <div className="arbiter-over">
      {interrupted && (
        <p className="arbiter-banner">
          <i className="arbiter-spinner" />
          Connection lost. Reconnecting…
        </p>
      )}
      {moderated?.by === "mute" && (
        <p className="arbiter-banner" role="alert">
          A moderator has muted you.
          <button type="button" className="arbiter-link" onClick={() => void store.setAudio(true)}>
            Unmute
          </button>
        </p>
      )}
      <Notice
        subject={moderated?.by === "unpublish" ? moderated : undefined}
        text="A moderator has stopped your stream. You may publish again."
      />
      <Notice subject={error} text={error && errorLine(error)} />
      <Notice subject={problems} text={adviceLine(problems)} />
    </div>
  );
}
