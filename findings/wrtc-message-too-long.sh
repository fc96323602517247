#!/usr/bin/env bash
# @roamhq/wrtc 0.10.0 (libwebrtc): a message longer than the other side's max-message-size closes the data channel, without an exception.
#
# Two connections on one machine; the answer says a=max-message-size:16384, as an SFU's may. 30,000 characters are sent.
# Expected (W3C WebRTC, RTCDataChannel.send(), step "If the byte size of data exceeds the value of maxMessageSize": throw a TypeError):
#   an exception, and the channel stays open. werift 0.25.2 and node-datachannel 0.33.4 do just that.
# Happens: send() returns, the message is not delivered, and the channel is closed at both ends. So an application checks
#   the length itself (there is pc.sctp.maxMessageSize, or what was agreed), or one long chat message ends the chat.
# Seen: "16384: send returned, got 1000, closed; 65536: send returned, got 1000 30000, open"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @roamhq/wrtc@0.10.0
cat > run.mjs <<'JS'
import wrtc from "@roamhq/wrtc";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const attempt = async (limit) => {
  const [one, other] = [new wrtc.RTCPeerConnection(), new wrtc.RTCPeerConnection()];
  const sender = one.createDataChannel("x", { negotiated: true, id: 1 });
  const receiver = other.createDataChannel("x", { negotiated: true, id: 1 });
  const got = [];
  receiver.onmessage = ({ data }) => got.push(data.length);
  await one.setLocalDescription(await one.createOffer());
  await sleep(700);
  await other.setRemoteDescription(one.localDescription);
  await other.setLocalDescription(await other.createAnswer());
  await sleep(700);
  await one.setRemoteDescription({ type: "answer", sdp: other.localDescription.sdp.replace(/max-message-size:\d+/, `max-message-size:${limit}`) });
  for (let i = 0; i < 50 && sender.readyState !== "open"; i++) await sleep(100);
  sender.send("a".repeat(1000));
  await sleep(500);
  let result = "send returned";
  try { sender.send("a".repeat(30000)); } catch (error) { result = `send threw ${error.name}`; }
  await sleep(1500);
  const said = `${limit}: ${result}, got ${got.join(" ")}, ${sender.readyState}`;
  one.close(); other.close();
  return said;
};
const said = `${await attempt(16384)}; ${await attempt(65536)}`;
console.log(said);
process.exit(said === "16384: send returned, got 1000, closed; 65536: send returned, got 1000 30000, open" ? 0 : 1);
JS
node run.mjs
