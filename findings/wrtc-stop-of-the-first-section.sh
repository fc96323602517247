#!/usr/bin/env bash
# @roamhq/wrtc 0.10.0 (libwebrtc; the states of Chromium 156 go the same way): stopping the first transceiver throws the connected transport of the whole bundle away.
#
# Two connections, connected, with a video, an audio and a data channel in one BUNDLE group. The offerer stops a transceiver and negotiates.
# Expected: the section is rejected and all else goes on over the transport that is up, whichever section it was (RFC 9143 section 7.5.3
#   lets the group go on with another section as the tagged one; ICE credentials and the certificate are the same as before).
# Happens: if it is the second section, nothing. If it is the first, ICE and DTLS begin from nothing on the transport that the next
#   section had been given in the first offer: the states go from "completed" to "new" and up again. Both ends of libwebrtc do this together; an
#   SFU that takes the same fingerprint and ufrag for a plain renegotiation is left with a dead connection. It shows in no event that
#   a page expects (no restart was asked for; the ufrag may even be the same).
# Seen: "second stopped: nothing; first stopped: new, connected, completed"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @roamhq/wrtc@0.10.0
cat > run.mjs <<'JS'
import wrtc from "@roamhq/wrtc";
const { RTCPeerConnection, nonstandard: { RTCVideoSource, RTCAudioSource } } = wrtc;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const stop = async (which) => {
  const [one, other] = [new RTCPeerConnection(), new RTCPeerConnection()];
  const trickle = (from, to) => { from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate).catch(() => {}); };
  trickle(one, other); trickle(other, one);
  const transceivers = [new RTCVideoSource(), new RTCAudioSource()].map((source) => one.addTransceiver(source.createTrack(), { direction: "sendonly" }));
  for (const pc of [one, other]) pc.createDataChannel("x", { negotiated: true, id: 1 });
  const negotiate = async () => {
    await one.setLocalDescription(await one.createOffer());
    await other.setRemoteDescription(one.localDescription);
    await other.setLocalDescription(await other.createAnswer());
    await one.setRemoteDescription(other.localDescription);
  };
  await negotiate();
  for (let i = 0; i < 60 && one.iceConnectionState !== "completed"; i++) await sleep(100);
  await sleep(500);
  const states = [];
  one.oniceconnectionstatechange = () => { if (states.at(-1) !== one.iceConnectionState) states.push(one.iceConnectionState); };
  transceivers[which].stop();
  await negotiate();
  await sleep(3000);
  one.close(); other.close();
  return states.filter((state) => state !== "checking").join(", ") || "nothing";
};
const second = await stop(1), first = await stop(0);
console.log(`second stopped: ${second}; first stopped: ${first}`);
process.exit(second === "nothing" && first.startsWith("new") ? 0 : 1);
JS
node run.mjs
