import { useEffect, useRef, useState } from "react";

/** A picture without its sound: sound is played elsewhere, whether the picture is to be seen or not. */
export interface VideoProps {
  stream: MediaStream;
  label: string;
  mirrored?: boolean;
  /** Show all of it, with bars, rather than fill the tile. */
  whole?: boolean;
}

/** A video element that plays a stream, and fades in with its first frame. */
export function Video({ stream, label, mirrored = false, whole = false }: VideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  const [showing, setShowing] = useState(false);
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    setShowing(false);
    video.srcObject = stream;
    const play = () => void video.play()?.catch(() => undefined);
    play();
    stream.addEventListener("addtrack", play);
    return () => {
      stream.removeEventListener("addtrack", play);
      video.srcObject = null;
    };
  }, [stream]);
  // The camera at the back of a phone shows the world, and that is not to be mirrored.
  const facing = stream.getVideoTracks()[0]?.getSettings?.().facingMode;
  const classes = ["arbiter-video"];
  if (showing) classes.push("arbiter-showing");
  if (mirrored && facing !== "environment") classes.push("arbiter-mirrored");
  if (whole) classes.push("arbiter-whole");
  return (
    <video
      ref={element}
      className={classes.join(" ")}
      aria-label={label}
      autoPlay
      playsInline
      muted
      onLoadedData={() => setShowing(true)}
      onPlaying={() => setShowing(true)}
    />
  );
}
