import { useCallback, useEffect, useRef, useState } from "react";
import { useParts } from "../context.ts";
import { SoundIcon } from "../icons.tsx";

/** What is heard: everybody's microphone and the sound of their screens, whether they have a tile or not. Once in a layout. */
export function Sound() {
  const { call, preview } = useParts();
  const { peers, devices } = call;
  const chosen = preview.chosen.audiooutput;
  // A loudspeaker that is gone would leave silence: the browser's choice takes its place until it is back.
  const there = devices.some(({ kind, deviceId }) => kind === "audiooutput" && deviceId === chosen);
  const speaker = chosen && there ? chosen : "";
  const voices = peers.flatMap(({ id, camera, screen }) => [
    ...(camera ? [{ key: id, stream: camera }] : []),
    ...(screen ? [{ key: `${id} screen`, stream: screen }] : []),
  ]);
  return <Voices voices={voices} speaker={speaker} />;
}

/** A stream that is heard. */
export interface HeardStream {
  key: string;
  stream: MediaStream;
  /** 0 to 1. Default: 1. */
  volume?: number;
}

/** Plays streams, or has a button for it where the browser wants a click first. `speaker`: the loudspeaker's id. */
export function Voices({ voices, speaker = "" }: { voices: readonly HeardStream[]; speaker?: string }) {
  const container = useRef<HTMLDivElement>(null);
  const [blocked, setBlocked] = useState(false);
  const onBlocked = useCallback(() => setBlocked(true), []);
  const unblock = () => {
    setBlocked(false);
    for (const audio of container.current?.querySelectorAll("audio") ?? []) play(audio, onBlocked);
  };
  return (
    <div className="arbiter-sound" ref={container}>
      {voices.map(({ key, stream, volume = 1 }) => (
        <Voice key={key} {...{ stream, volume, speaker, onBlocked }} />
      ))}
      {blocked && (
        <button type="button" className="arbiter-button arbiter-primary" onClick={unblock}>
          <SoundIcon />
          Turn on sound
        </button>
      )}
    </div>
  );
}

interface VoiceProps {
  stream: MediaStream;
  volume: number;
  speaker: string;
  onBlocked(): void;
}

function Voice({ stream, volume, speaker, onBlocked }: VoiceProps) {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = element.current;
    if (!audio) return;
    audio.srcObject = stream;
    const start = () => play(audio, onBlocked);
    start();
    stream.addEventListener("addtrack", start);
    return () => {
      stream.removeEventListener("addtrack", start);
      audio.srcObject = null;
    };
  }, [stream, onBlocked]);
  useEffect(() => {
    const audio = element.current;
    // Not every browser lets a page choose the loudspeaker.
    if ((audio?.sinkId ?? "") !== speaker) void audio?.setSinkId?.(speaker)?.catch(() => undefined);
  }, [speaker]);
  useEffect(() => {
    if (element.current) element.current.volume = volume;
  }, [volume]);
  // biome-ignore lint/a11y/useMediaCaption: a live voice has no captions to offer
  return <audio ref={element} autoPlay />;
}

function play(audio: HTMLAudioElement, onBlocked: () => void): void {
  if (!(audio.srcObject as MediaStream | null)?.getAudioTracks().length) return;
  audio.play()?.catch((error: unknown) => {
    if (error instanceof Error && error.name === "NotAllowedError") onBlocked();
  });
}
