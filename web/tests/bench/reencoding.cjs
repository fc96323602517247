// What ours is measured against: an SFU as the original was one, on libwebrtc in Node. Every track ends here and is sent on as one
// of its own, so that each picture is decoded and encoded anew. `make bench` runs it; nothing else does.

const { RTCPeerConnection } = require("@roamhq/wrtc");
const { WebSocket } = require("ws");

const { SIGNAL_SERVER_URL, SFU_ID } = process.env;
const socket = new WebSocket(SIGNAL_SERVER_URL);
const send = (action, data) => socket.send(JSON.stringify({ action, data }));
const peers = new Map();

/** A connection that trickles, and holds what comes before its description. */
function connect(type, receiver, about) {
  const connection = new RTCPeerConnection();
  const early = [];
  const say = (content) =>
    send("handshake", { type, sender: SFU_ID, receiver, roomId: SFU_ID, ...about, ...content });
  connection.onicecandidate = ({ candidate }) => candidate && say({ candidate });
  return {
    connection,
    say,
    async candidate(candidate) {
      if (connection.remoteDescription) await connection.addIceCandidate(candidate);
      else early.push(candidate);
    },
    async describe(description) {
      await connection.setRemoteDescription(description);
      for (const candidate of early.splice(0)) await connection.addIceCandidate(candidate);
    },
  };
}

function enter(id) {
  const producer = connect("producer", id);
  const peer = { id, producer, stream: undefined, tracks: [], consumers: new Map(), up: false };
  const { connection } = producer;
  connection.createDataChannel("chat", { negotiated: true, id: 100 });
  connection.createDataChannel("features", { negotiated: true, id: 110 });
  connection.ontrack = ({ track, streams }) => {
    peer.tracks.push(track);
    peer.stream = streams[0];
  };
  connection.onconnectionstatechange = () => {
    if (connection.connectionState !== "connected" || peer.up) return;
    peer.up = true;
    for (const other of peers.values()) {
      if (other !== peer && other.up) void Promise.all([consume(peer, other), consume(other, peer)]);
    }
  };
  peers.set(id, peer);
  return peer;
}

async function consume(receiver, source) {
  const consumer = connect("consumer", receiver.id, { remotePeerId: source.id });
  receiver.consumers.set(source.id, consumer);
  for (const track of source.tracks) consumer.connection.addTrack(track, source.stream);
  await consumer.connection.setLocalDescription(await consumer.connection.createOffer());
  consumer.say({ description: consumer.connection.localDescription });
}

socket.on("open", () => send("identify", { type: "sfu", id: SFU_ID }));
socket.on("message", async (text) => {
  const { type, sender, remotePeerId, description, candidate } = JSON.parse(text);
  if (type !== "producer" && type !== "consumer") return;
  const { producer, consumers } = peers.get(sender) ?? enter(sender);
  const of = type === "producer" ? producer : consumers.get(remotePeerId);
  if (candidate?.candidate) await of?.candidate(candidate);
  if (!description) return;
  await of?.describe(description);
  if (type === "consumer") return;
  await producer.connection.setLocalDescription(await producer.connection.createAnswer());
  producer.say({ description: producer.connection.localDescription });
});
for (const end of ["SIGTERM", "SIGINT"]) process.on(end, () => process.exit());
socket.on("close", () => process.exit());
