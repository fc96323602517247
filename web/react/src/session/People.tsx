import type { Capabilities, Stream } from "@arbiter/client";
import { useEffect, useRef, useState } from "react";
import { Panel } from "../call/Panel.tsx";
import { MicrophoneIcon, MicrophoneOffIcon, SoundIcon } from "../icons.tsx";
import { colourOf, initials } from "../people.ts";
import type { Member } from "./members.ts";
import type { SessionSnapshot, SessionStore } from "./sessionStore.ts";

type Allowed = Capabilities | undefined;

interface PeopleProps {
  store: SessionStore;
  snapshot: SessionSnapshot;
  members: readonly Member[];
  volumes: Readonly<Record<string, number>>;
  onVolume(id: string, volume: number): void;
  onClose(): void;
  takeFocus: boolean;
}

/** Who is there, how loud they are here, and what a moderator may do with them. */
export function People({ store, snapshot, members, volumes, onVolume, onClose, takeFocus }: PeopleProps) {
  const { session, attempt } = store;
  const { capabilities: may, own, muted } = snapshot;
  return (
    <Panel title={`People (${members.length})`} name="people" onClose={onClose} takeFocus={takeFocus}>
      {may?.forceMute === 1 && (
        <div className="arbiter-all">
          <button type="button" className="arbiter-button" onClick={() => attempt(store.muteAll)}>
            <MicrophoneOffIcon />
            Mute all
          </button>
          {muted && (
            <button
              type="button"
              className="arbiter-button"
              onClick={() => attempt(() => session.disableForceMute())}
            >
              <MicrophoneIcon />
              Let all speak
            </button>
          )}
          {muted && <p className="arbiter-text">Whoever publishes now begins muted, and may unmute.</p>}
        </div>
      )}
      <ul className="arbiter-people">
        {members.map((member) => (
          <li key={member.id} className="arbiter-person" data-connection={member.id}>
            <Who member={member} audible={member.self ? own?.audio : isAudible(member)} />
            {member.streams.length > 0 && (
              <Volume
                name={member.name}
                volume={volumes[member.id] ?? 1}
                onVolume={(volume) => onVolume(member.id, volume)}
              />
            )}
            {!member.self && <Moderation {...{ store, member, may }} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** The name, what they are, and whether they are muted. `audible`: `undefined` of whoever publishes nothing. */
function Who({ member, audible }: { member: Member; audible: boolean | undefined }) {
  const { id, name, self, role } = member;
  return (
    <div className="arbiter-who">
      <span className={`arbiter-avatar arbiter-colour-${colourOf(id)}`} aria-hidden="true">
        {initials(name)}
      </span>
      <span className="arbiter-who-text">
        <b>{self ? `${name} (you)` : name}</b>
        {role && <span className="arbiter-text">{role}</span>}
      </span>
      {audible && <MicrophoneIcon />}
      {audible === false && (
        <span className="arbiter-who-muted" title="Microphone is off">
          <MicrophoneOffIcon />
          <span className="arbiter-hidden">Microphone is off.</span>
        </span>
      )}
    </div>
  );
}

/** Whether they can be heard: a screen's sound is not theirs. */
function isAudible({ streams }: Member): boolean | undefined {
  const people = streams.filter(({ videoType }) => videoType !== "screen");
  return people.length > 0 ? people.some(({ hasAudio }) => hasAudio) : undefined;
}

/** How loud somebody is on this page. */
function Volume({
  name,
  volume,
  onVolume,
}: {
  name: string;
  volume: number;
  onVolume(volume: number): void;
}) {
  return (
    <label className="arbiter-volume">
      <SoundIcon />
      <span className="arbiter-hidden">Volume of {name}</span>
      <input
        type="range"
        min={0}
        max={100}
        step={5}
        value={Math.round(volume * 100)}
        aria-valuetext={`${Math.round(volume * 100)} percent`}
        onChange={(event) => onVolume(Number(event.target.value) / 100)}
      />
    </label>
  );
}

/** What a moderator may do with somebody. Before they are removed it is asked once more. */
function Moderation({ store, member, may }: Pick<PeopleProps, "store"> & { member: Member; may: Allowed }) {
  const { session, attempt } = store;
  const { id, name, streams } = member;
  const [asking, setAsking] = useState(false);
  const audible = streams.filter(({ hasAudio }) => hasAudio);
  const each = (act: (stream: Stream) => Promise<void>, of: readonly Stream[]) => () =>
    attempt(() => Promise.all(of.map(act)));
  if (asking)
    return (
      <Question
        text={`Remove ${name} from the session?`}
        answer="Remove"
        onAnswer={() => attempt(() => session.forceDisconnect(id))}
        onClose={() => setAsking(false)}
      />
    );
  return (
    <div className="arbiter-moderation">
      {may?.forceMute === 1 && audible.length > 0 && (
        <Act words="Mute" who={name} onClick={each((stream) => session.forceMuteStream(stream), audible)} />
      )}
      {may?.forceUnpublish === 1 && streams.length > 0 && (
        <Act
          words="Stop stream"
          who={name}
          onClick={each((stream) => session.forceUnpublish(stream), streams)}
        />
      )}
      {may?.forceDisconnect === 1 && <Act words="Remove" who={name} onClick={() => setAsking(true)} />}
    </div>
  );
}

/** A button that does something to somebody. */
function Act({ words, who, onClick }: { words: string; who: string; onClick(): void }) {
  return (
    <button type="button" className="arbiter-act" onClick={onClick}>
      {words}
      <span className="arbiter-hidden"> {who}</span>
    </button>
  );
}

/** Asks before something that cannot be taken back. Escape is no. */
function Question(props: { text: string; answer: string; onAnswer(): void; onClose(): void }) {
  const { text, answer, onAnswer, onClose } = props;
  const no = useRef<HTMLButtonElement>(null);
  useEffect(() => no.current?.focus(), []);
  return (
    <div
      className="arbiter-moderation"
      role="alertdialog"
      aria-label={text}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onClose();
      }}
    >
      <p>{text}</p>
      <button type="button" className="arbiter-act" ref={no} onClick={onClose}>
        Cancel
      </button>
      <button
        type="button"
        className="arbiter-act arbiter-act-danger"
        onClick={() => {
          onAnswer();
          onClose();
        }}
      >
        {answer}
      </button>
    </div>
  );
}
