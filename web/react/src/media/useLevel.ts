import { type RefObject, useEffect } from "react";

/**
 * Shows how loud a stream is: sets `--arbiter-level`, 0 to 1, on an element, with every frame that the browser paints.
 *
 * The value goes past React: sixty renders a second would be a waste.
 */
export function useLevel(stream: MediaStream | undefined, element: RefObject<HTMLElement | null>): void {
  const track = stream?.getAudioTracks()[0];
  useEffect(() => {
    const target = element.current;
    if (!target || !track || typeof AudioContext === "undefined") return;
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 512, smoothingTimeConstant: 0.6 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let shown = 0;
    let frame = requestAnimationFrame(function paint() {
      analyser.getFloatTimeDomainData(samples);
      const loudness = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      shown = Math.max(levelOf(loudness), shown * 0.9);
      target.style.setProperty("--arbiter-level", shown.toFixed(2));
      frame = requestAnimationFrame(paint);
    });
    // Until the first click a browser may keep the context asleep.
    const wake = () => void context.resume();
    document.addEventListener("pointerdown", wake);
    return () => {
      cancelAnimationFrame(frame);
      document.removeEventListener("pointerdown", wake);
      target.style.removeProperty("--arbiter-level");
      void context.close();
    };
  }, [track, element]);
}

/** Loudness (root mean square, 0 to 1) as a length of bar: -60 dB and less is nothing, -12 dB and more is all. */
export function levelOf(loudness: number): number {
  const decibels = 20 * Math.log10(Math.max(loudness, 1e-6));
  return Math.min(1, Math.max(0, (decibels + 60) / 48));
}
