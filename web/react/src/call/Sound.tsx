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
  const container = useRef<HTMLDivElement>(null);
  const [blocked, setBlocked] = useState(false);
  const onBlocked = useCallback(() => setBlocked(true), []);
  const unblock = () => {
    setBlocked(false);
    for (const audio of container.current?.querySelectorAll("audio") ?? []) play(audio, onBlocked);
  };
  return (
    <div className="arbiter-sound" ref={container}>
      {peers.map((peer) => [
        peer.camera && <Voice key={peer.id} stream={peer.camera} speaker={speaker} onBlocked={onBlocked} />,
        peer.screen && (
          <Voice key={`${peer.id} screen`} stream={peer.screen} speaker={speaker} onBlocked={onBlocked} />
        ),
      ])}
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
  speaker: string;
  onBlocked(): void;
}

function Voice({ stream, speaker, onBlocked }: VoiceProps) {
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
  // biome-ignore lint/a11y/useMediaCaption: a live voice has no captions to offer
  return <audio ref={element} autoPlay />;
}

function play(audio: HTMLAudioElement, onBlocked: () => void): void {
  if (!(audio.srcObject as MediaStream | null)?.getAudioTracks().length) return;
  audio.play()?.catch((error: unknown) => {
    if (error instanceof Error && error.name === "NotAllowedError") onBlocked();
  });
}
