/** When an encoded frame passed: leaving a sender, or arriving at a receiver, in epoch milliseconds. */
export interface Passage {
  frame: number;
  at: number;
}

declare global {
  interface Window {
    /** Encoded audio frames that were sent, and that arrived. */
    passages: { out: Passage[]; in: Passage[] };
    /** Sends this page's microphone to itself, over a connection of its own without an SFU; gives back what passed. */
    direct(seconds: number): Promise<Window["passages"]>;
  }
}

/**
 * Runs in the page before everything else: notes each encoded audio frame as it leaves a sender and as it arrives at a receiver
 * (WebRTC Encoded Transform), by a hash of its bytes, which an SFU does not change.
 */
export function notePassages(): void {
  const source = `
    onrtctransform = ({ transformer }) => {
      const note = new TransformStream({
        transform(frame, controller) {
          let hash = 2166136261;
          for (const byte of new Uint8Array(frame.data)) hash = Math.imul(hash ^ byte, 16777619);
          postMessage({ way: transformer.options.way, frame: hash, at: performance.timeOrigin + performance.now() });
          controller.enqueue(frame);
        },
      });
      transformer.readable.pipeThrough(note).pipeTo(transformer.writable);
    };`;
  window.passages = { out: [], in: [] };
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  worker.onmessage = ({ data: { way, frame, at } }) =>
    window.passages[way as "out" | "in"].push({ frame, at });
  const noted = (way: "out" | "in") => new RTCRtpScriptTransform(worker, { way });

  const addTransceiver = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (track, init) {
    const transceiver = addTransceiver.call(this, track, init);
    if (transceiver.sender.track?.kind === "audio") transceiver.sender.transform = noted("out");
    // The connection's own tracks are noted as they come.
    return transceiver;
  };
  type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
  const set = RTCPeerConnection.prototype.setRemoteDescription as Set;
  const noting: Set = async function (description) {
    await set.call(this, description);
    for (const { receiver } of this.getTransceivers()) {
      if (receiver.track.kind === "audio" && !receiver.transform) receiver.transform = noted("in");
    }
  };
  RTCPeerConnection.prototype.setRemoteDescription = noting as never;

  window.direct = async (seconds) => {
    window.passages = { out: [], in: [] };
    const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
    from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
    to.onicecandidate = ({ candidate }) => candidate && from.addIceCandidate(candidate);
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) from.addTransceiver(track, { streams: [stream] });
    await from.setLocalDescription();
    await to.setRemoteDescription(from.localDescription as RTCSessionDescription);
    await to.setLocalDescription();
    await from.setRemoteDescription(to.localDescription as RTCSessionDescription);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    from.close();
    to.close();
    return window.passages;
  };
}

/** Milliseconds from `out` to `in` of each frame that can be told from all others. */
export function delays(out: Passage[], into: Passage[]): number[] {
  const once = (passages: Passage[]) => {
    const counts = new Map<number, number>();
    for (const { frame } of passages) counts.set(frame, (counts.get(frame) ?? 0) + 1);
    return new Map(
      passages.filter(({ frame }) => counts.get(frame) === 1).map(({ frame, at }) => [frame, at]),
    );
  };
  const left = once(out);
  return [...once(into)].flatMap(([frame, at]) => {
    const began = left.get(frame);
    return began === undefined ? [] : [at - began];
  });
}
