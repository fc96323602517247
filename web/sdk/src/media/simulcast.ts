/** A camera's picture is captured at this size where it can be. */
export const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};

/** A shared screen's bits per second: text must stay sharp, and it moves little. */
export const SCREEN_BITRATE = 2_500_000;

/** One size of a camera's picture. */
export interface Layer extends RTCRtpEncodingParameters {
  rid: "l" | "m" | "h";
  active: boolean;
  maxBitrate: number;
  scaleResolutionDownBy: number;
}

/** The bits per second that a picture of this many pixels needs to look good, at 30 frames a second. */
function bitrate(pixels: number): number {
  // Measured practice of VP8: 150 kbit/s at 320x180, 500 at 640x360, 1700 at 1280x720.
  return Math.round(150_000 * (pixels / 57_600) ** 0.875);
}

/** How many sizes a picture of so many pixels is worth. Chromium sends no more than this, and drops the rest from the end. */
const SIZES = [
  { pixels: 960 * 540, count: 3 },
  { pixels: 480 * 270, count: 2 },
];

/**
 * The layers of a camera's picture of this size, from the smallest, each with twice the sides of the one before. A small picture has
 * fewer; the RIDs that it does not need are switched off, for a larger camera to use later.
 */
export function cameraLayers(width = 1280, height = 720): Layer[] {
  const count = SIZES.find(({ pixels }) => width * height >= pixels)?.count ?? 1;
  return (["l", "m", "h"] as const).map((rid, index) => {
    const scale = 2 ** Math.max(0, count - 1 - index);
    return {
      rid,
      scaleResolutionDownBy: scale,
      maxBitrate: bitrate((width / scale) * (height / scale)),
      active: index < count,
    };
  });
}

/** The codecs to offer, in order: Opus; VP8, then H264 at constrained baseline with packetization mode 1; and repair of lost packets. */
export function preferredCodecs<Codec extends { mimeType: string; sdpFmtpLine?: string }>(
  kind: "audio" | "video",
  codecs: readonly Codec[],
): Codec[] {
  const named = (name: string) => codecs.filter(({ mimeType }) => mimeType.toLowerCase() === name);
  if (kind === "audio") return named("audio/opus");
  const h264 = named("video/h264").filter(
    ({ sdpFmtpLine = "" }) =>
      /packetization-mode=1/.test(sdpFmtpLine) && /profile-level-id=42e0/i.test(sdpFmtpLine),
  );
  const video = [...named("video/vp8"), ...h264.slice(0, 1)];
  return video.length > 0 ? [...video, ...named("video/rtx")] : [];
}
