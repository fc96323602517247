import type { TrackSource } from "../media/producer.js";
import type { Call } from "./call.js";
import type { CallStatistics, TrackStatistics } from "./types.js";

/** The fields of `RTCStatsReport` that are read here; browsers differ in what they give. */
interface Report {
  id: string;
  type: string;
  timestamp: number;
  kind?: "audio" | "video";
  mid?: string;
  trackIdentifier?: string;
  localId?: string;
  mediaSourceId?: string;
  bytesSent?: number;
  bytesReceived?: number;
  packetsLost?: number;
  jitter?: number;
  frameWidth?: number;
  frameHeight?: number;
  framesPerSecond?: number;
  framesEncoded?: number;
  framesDecoded?: number;
  totalAudioEnergy?: number;
  nominated?: boolean;
  state?: string;
  currentRoundTripTime?: number;
}

/** Makes statistics of a call, each over the time since the last. */
export class Statistics {
  #before = new Map<string, Report>();

  /** Asks every connection. `screenOf`: the stream that is a peer's screen. */
  async read(
    call: Call | undefined,
    screenOf: (peerId: string) => string | undefined,
  ): Promise<Omit<CallStatistics, "signaling">> {
    const seen = new Map<string, Report>();
    const reportsOf = async (name: string, connection: RTCPeerConnection | undefined) => {
      const reports = connection ? ([...(await connection.getStats()).values()] as Report[]) : [];
      return reports.map((report) => {
        const key = `${name} ${report.id}`;
        seen.set(key, report);
        return { ...report, before: this.#before.get(key) };
      });
    };
    const producer = call?.producer;
    const own = await reportsOf("", producer?.connection);
    const received: CallStatistics["received"] = [];
    for (const [peerId, consumer] of call?.consumers ?? []) {
      const reports = await reportsOf(peerId, consumer.connection);
      const streamOf = ({ trackIdentifier = "" }: Report) => consumer.streamOf(trackIdentifier);
      const screen = screenOf(peerId);
      const tracks = reports
        // What is received no longer keeps its report, but is in no stream.
        .filter((report) => report.type === "inbound-rtp" && streamOf(report) !== undefined)
        .map((report) =>
          statisticsOf(report, streamOf(report) === screen, rate(report, "bytesReceived"), [report], report),
        );
      if (consumer.connection) received.push({ peerId, tracks });
    }
    this.#before = seen;
    const sourceOf = (mid: string) => producer?.sourceOf(mid);
    return { roundTrip: roundTrip(own), sent: outbound(own, sourceOf), received };
  }
}

type Compared = Report & { before: Report | undefined };

function roundTrip(reports: readonly Report[]): number | undefined {
  const pairs = reports.filter(({ type, state }) => type === "candidate-pair" && state === "succeeded");
  return (pairs.find(({ nominated }) => nominated) ?? pairs[0])?.currentRoundTripTime;
}

/** One entry for each track: the layers of simulcast are added up, and the largest gives the size. */
function outbound(
  reports: readonly Compared[],
  sourceOf: (mid: string) => TrackSource | undefined,
): TrackStatistics[] {
  const layers = new Map<TrackSource, Compared[]>();
  for (const report of reports) {
    const source =
      report.type === "outbound-rtp" && report.mid !== undefined ? sourceOf(report.mid) : undefined;
    if (source) layers.set(source, [...(layers.get(source) ?? []), report]);
  }
  return [...layers].map(([source, sent]) => {
    const largest = sent.reduce((a, b) => ((b.frameWidth ?? 0) > (a.frameWidth ?? 0) ? b : a));
    const heard = reports.filter(
      ({ type, localId }) => type === "remote-inbound-rtp" && sent.some(({ id }) => id === localId),
    );
    const bits = sent.reduce((sum, layer) => sum + rate(layer, "bytesSent"), 0);
    const isScreen = source === "screen" || source === "screenAudio";
    return statisticsOf(
      largest,
      isScreen,
      bits,
      heard,
      reports.find(({ id }) => id === largest.mediaSourceId),
    );
  });
}

/** Of one track: its size and frames, who received it, and its sound. */
function statisticsOf(
  track: Compared,
  isScreen: boolean,
  bitsPerSecond: number,
  received: readonly Compared[],
  sound: Compared | undefined,
): TrackStatistics {
  return {
    kind: track.kind ?? "audio",
    source: isScreen ? "screen" : "camera",
    bitsPerSecond,
    packetsLost: received.reduce((sum, report) => sum + grown(report, "packetsLost"), 0),
    ...measured({
      jitter: received[0]?.jitter,
      width: track.frameWidth,
      height: track.frameHeight,
      framesPerSecond: track.framesPerSecond,
      frames: track.framesEncoded ?? track.framesDecoded,
      audioEnergy: sound?.totalAudioEnergy,
    }),
  };
}

function grown(report: Compared, field: "packetsLost" | "bytesSent" | "bytesReceived"): number {
  return Math.max(0, (report[field] ?? 0) - (report.before?.[field] ?? 0));
}

/** Bits per second since the last time; 0 the first time. */
function rate(report: Compared, field: "bytesSent" | "bytesReceived"): number {
  const seconds = report.before ? (report.timestamp - report.before.timestamp) / 1_000 : 0;
  return seconds > 0 ? Math.round((grown(report, field) * 8) / seconds) : 0;
}

/** Leaves out what this browser does not measure. */
function measured<Figures extends object>(
  figures: Figures,
): { [Name in keyof Figures]?: NonNullable<Figures[Name]> } {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)) as never;
}
