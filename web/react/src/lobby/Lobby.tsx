import { type FormEvent, type ReactNode, useRef } from "react";
import { useParts } from "../context.ts";
import { CameraIcon, CameraOffIcon, MicrophoneIcon, MicrophoneOffIcon } from "../icons.tsx";
import { DeviceSelect } from "../media/DeviceSelect.tsx";
import { adviceFor } from "../media/problems.ts";
import { useLevel } from "../media/useLevel.ts";
import { Video } from "../media/Video.tsx";
import { initials } from "../people.ts";

/** Before the call: how one looks and sounds, and under which name. */
export function Lobby() {
  const { path, name, setName, join, media, preview: now } = useParts();
  const advice = adviceFor(now.problems);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    join();
  };
  return (
    <div className="arbiter-lobby">
      <div className="arbiter-lobby-inner">
        <Preview />
        <form className="arbiter-lobby-form" onSubmit={submit}>
          <div>
            <h2 className="arbiter-title">Ready to join?</h2>
            <p className="arbiter-path" title={path}>
              {path}
            </p>
          </div>
          {advice && (
            <div className="arbiter-notice" role="alert">
              <strong>{advice.title}</strong>
              <p>{advice.text}</p>
              <button type="button" className="arbiter-link" onClick={media.retry}>
                Try again
              </button>
            </div>
          )}
          <label className="arbiter-field">
            <span>Your name</span>
            <input
              className="arbiter-input"
              value={name}
              maxLength={64}
              autoComplete="name"
              placeholder="Guest"
              onChange={(event) => setName(event.target.value)}
            />
          </label>
          <div className="arbiter-devices">
            <DeviceSelect
              kind="audioinput"
              label="Microphone"
              media={now}
              stream={now.stream}
              onChoose={media.choose}
            />
            <DeviceSelect
              kind="videoinput"
              label="Camera"
              media={now}
              stream={now.stream}
              onChoose={media.choose}
            />
          </div>
          <button type="submit" className="arbiter-button arbiter-primary">
            {advice && !now.stream ? "Join without camera and microphone" : "Join"}
          </button>
        </form>
      </div>
    </div>
  );
}

function Preview() {
  const { media, preview: now, name } = useParts();
  const level = useRef<HTMLDivElement>(null);
  useLevel(now.stream, level);
  const showing = now.on.video && !now.problems.video;
  const seen = (now.stream?.getVideoTracks().length ?? 0) > 0;
  return (
    <div className="arbiter-preview" ref={level}>
      {seen && now.stream ? (
        <Video stream={now.stream} mirrored label="Your camera" />
      ) : (
        <div className="arbiter-preview-off">
          {name.trim() && <span className="arbiter-avatar">{initials(name)}</span>}
          <span>
            {now.asking && showing
              ? "Allow camera and microphone to be seen and heard"
              : "Your camera is off"}
          </span>
        </div>
      )}
      <div className="arbiter-preview-bar">
        <Toggle
          on={now.on.audio && !now.problems.audio}
          label="Microphone"
          onClick={(on) => media.set("audio", on)}
          meter
          icons={[<MicrophoneIcon key="on" />, <MicrophoneOffIcon key="off" />]}
        />
        <Toggle
          on={showing}
          label="Camera"
          onClick={(on) => media.set("video", on)}
          icons={[<CameraIcon key="on" />, <CameraOffIcon key="off" />]}
        />
      </div>
    </div>
  );
}

interface ToggleProps {
  on: boolean;
  label: string;
  meter?: boolean;
  icons: [ReactNode, ReactNode];
  onClick(on: boolean): void;
}

function Toggle({ on, label, meter, icons, onClick }: ToggleProps) {
  return (
    <button
      type="button"
      className={`arbiter-round${on ? "" : " arbiter-off"}`}
      aria-pressed={on}
      aria-label={label}
      title={`Turn ${label.toLowerCase()} ${on ? "off" : "on"}`}
      onClick={() => onClick(!on)}
    >
      {on && meter && <span className="arbiter-meter" />}
      {on ? icons[0] : icons[1]}
    </button>
  );
}
