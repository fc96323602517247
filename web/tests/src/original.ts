/** Somebody else, as a client of the original shows them. */
interface Tile {
  video: HTMLVideoElement;
  features: unknown;
}

declare global {
  interface Window {
    /** What a client of the original has come to: a tile for each id that it has heard of, and what came on its channels. */
    original: { tiles: Map<string, Tile>; chat: unknown[]; features: unknown[]; say(text: string): void };
  }
}

/** How a client of the original joins. */
export interface Original {
  signalUrl: string;
  roomId: string;
  id: string;
  /** What its camera is asked for. */
  capture: MediaTrackConstraints;
}

/**
 * Runs in the page. As the original's client does, it trickles each candidate, numbers nothing, sends one size of its picture,
 * tells the SFU no connection, has its tracks in no stream, makes a tile for whatever id it does not know, and takes one away
 * at `clientDisconnect` alone.
 */
export async function joinAsTheOriginalDid({ signalUrl, roomId, id, capture }: Original): Promise<void> {
  const socket = new WebSocket(signalUrl);
  const send = (action: string, data: object) => socket.send(JSON.stringify({ action, data }));
  const original = { tiles: new Map<string, Tile>(), chat: [] as unknown[], features: [] as unknown[] };

  const handshake = (type: string, remotePeerId: string | undefined, content: object) =>
    send("handshake", { type, sender: id, roomId, ...(remotePeerId && { remotePeerId }), ...content });
  const trickle = (connection: RTCPeerConnection, type: string, remotePeerId?: string) => {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) handshake(type, remotePeerId, { candidate });
    };
  };
  /** Candidates that came before their description wait for it. */
  const early = new Map<RTCPeerConnection, RTCIceCandidateInit[]>();
  const add = async (connection: RTCPeerConnection, candidate: RTCIceCandidateInit) => {
    if (connection.remoteDescription) await connection.addIceCandidate(candidate);
    else early.set(connection, [...(early.get(connection) ?? []), candidate]);
  };
  const describe = async (connection: RTCPeerConnection, description: RTCSessionDescriptionInit) => {
    await connection.setRemoteDescription(description);
    for (const candidate of early.get(connection) ?? []) await connection.addIceCandidate(candidate);
    early.delete(connection);
  };

  const consumers = new Map<string, RTCPeerConnection>();
  /** The connection for somebody's media, made when their id is heard of, with their tile. */
  const consumer = (remotePeerId: string) => {
    let connection = consumers.get(remotePeerId);
    if (!connection) {
      connection = new RTCPeerConnection();
      consumers.set(remotePeerId, connection);
      trickle(connection, "consumer", remotePeerId);
      const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
      const stream = new MediaStream();
      video.srcObject = stream;
      connection.ontrack = ({ track }) => stream.addTrack(track);
      original.tiles.set(remotePeerId, { video, features: undefined });
    }
    return connection;
  };

  const producer = new RTCPeerConnection();
  const chat = producer.createDataChannel("chat", { negotiated: true, id: 100 });
  const features = producer.createDataChannel("features", { negotiated: true, id: 110 });
  chat.onmessage = ({ data }) => original.chat.push(JSON.parse(data));
  features.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    original.features.push(message);
    consumer(message.id);
    Object.assign(original.tiles.get(message.id) ?? {}, { features: message.features });
  };
  features.onopen = () =>
    features.send(JSON.stringify({ id, features: { audio: true, video: true }, initialConnect: true }));
  const say = (content: string) => chat.send(JSON.stringify({ id, sender: "self", content }));
  window.original = Object.assign(original, { say });

  socket.onmessage = async ({ data }) => {
    const { type, remotePeerId, clientId, description, candidate } = JSON.parse(data);
    if (type === "clientDisconnect") {
      consumers.delete(clientId);
      original.tiles.delete(clientId);
    }
    if (type !== "producer" && type !== "consumer") return;
    const connection = type === "producer" ? producer : consumer(remotePeerId);
    if (candidate) await add(connection, candidate);
    if (!description) return;
    await describe(connection, description);
    if (type === "producer") return;
    await connection.setLocalDescription();
    handshake("consumer", remotePeerId, { description: connection.localDescription });
  };
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  send("identify", { type: "client", id, roomId });
  trickle(producer, "producer");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: capture });
  for (const track of stream.getTracks()) producer.addTrack(track);
  await producer.setLocalDescription();
  handshake("producer", undefined, { description: producer.localDescription });
}
