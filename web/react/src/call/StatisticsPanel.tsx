import type { CallStatistics, TrackStatistics } from "@arbiter/client";
import { useEffect, useState } from "react";
import { useArbiter } from "../context.ts";
import { CloseIcon } from "../icons.tsx";
import { nameOf } from "../people.ts";

/** How often the figures are read, milliseconds. */
const EVERY = 1000;

/** Figures about the connection, laid over the picture. */
export function StatisticsPanel() {
  const { call, actions } = useArbiter();
  const [figures, setFigures] = useState<CallStatistics>();
  const { statistics } = call;
  useEffect(() => {
    let open = true;
    const read = async () => {
      const next = await statistics().catch(() => undefined);
      if (open && next) setFigures(next);
    };
    void read();
    const timer = setInterval(read, EVERY);
    return () => {
      open = false;
      clearInterval(timer);
    };
  }, [statistics]);
  // A screen that is no longer shared keeps its place in the connection, with nothing in it.
  const inUse = (track: TrackStatistics) => track.source === "camera" || call.self.screen !== undefined;
  const names = new Map(call.peers.map((peer) => [peer.id, nameOf(peer.features)]));
  return (
    <section className="arbiter-statistics" aria-label="Figures about the connection">
      <button
        type="button"
        className="arbiter-plain"
        aria-label="Close figures"
        onClick={actions.toggleStatistics}
      >
        <CloseIcon />
      </button>
      <p>
        Round trip{" "}
        <b>{figures?.roundTrip === undefined ? "–" : `${Math.round(figures.roundTrip * 1000)} ms`}</b>
      </p>
      <table>
        <tbody>
          {figures?.sent.filter(inUse).map((track) => (
            <Row key={`sent ${track.kind} ${track.source}`} who="You" track={track} />
          ))}
          {figures?.received.flatMap(({ peerId, tracks }) =>
            tracks.map((track) => (
              <Row
                key={`${peerId} ${track.kind} ${track.source}`}
                who={names.get(peerId) ?? "Guest"}
                track={track}
              />
            )),
          )}
        </tbody>
      </table>
      {figures && (
        <p className="arbiter-fine">
          Signaling: {figures.signaling.sent} sent, {figures.signaling.received} received,{" "}
          {figures.signaling.reconnects} {figures.signaling.reconnects === 1 ? "reconnect" : "reconnects"}
        </p>
      )}
    </section>
  );
}

const NAMES = {
  camera: { audio: "voice", video: "camera" },
  screen: { audio: "screen sound", video: "screen" },
};

function Row({ who, track }: { who: string; track: TrackStatistics }) {
  const picture = track.width
    ? `${track.width}×${track.height} ${Math.round(track.framesPerSecond ?? 0)}/s`
    : "";
  return (
    <tr>
      <th scope="row">{who}</th>
      <td>{NAMES[track.source][track.kind]}</td>
      <td>{rate(track.bitsPerSecond)}</td>
      <td>{picture}</td>
      <td>{track.packetsLost > 0 ? `${track.packetsLost} lost` : ""}</td>
    </tr>
  );
}

/** Bits per second, in a unit that is easy to read. */
export function rate(bitsPerSecond: number): string {
  return bitsPerSecond >= 1e6
    ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`
    : `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}
