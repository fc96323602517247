#!/usr/bin/env bash
# sdp-transform 3.0.0: parse() keeps the last of several a=fingerprint lines, and so does write(parse(sdp)).
#
# RFC 8122 section 5 allows several fingerprints, of several hashes or of several certificates; aiortc 1.16.0 writes three in each section
# (sha-256, sha-384, sha-512). Other lines that may be repeated (b=, a=msid, a=extmap, a=ssrc, a=rid) are kept in lists.
# Expected: all three, or the first, which is what WebRTC needs (sha-256, RFC 8827 section 6.5).
# Happens: the others are dropped without a word; sha-512 is left, which is of no use to who knows sha-256 alone.
# Seen: "in: sha-256 sha-384 sha-512; parsed: sha-512; out: sha-512; msid kept: 2"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0
cat > run.mjs <<'JS'
import * as module from "sdp-transform";
const { parse, write } = module.default ?? module;
const hash = (name, bytes) => `a=fingerprint:${name} ${Array(bytes).fill("AB").join(":")}\r\n`;
const sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=msid:s t\r\na=msid:u t\r\n"
  + hash("sha-256", 32) + hash("sha-384", 48) + hash("sha-512", 64) + "a=rtpmap:111 opus/48000/2\r\n";
const names = (text) => [...text.matchAll(/a=fingerprint:(\S+)/g)].map((found) => found[1]).join(" ");
const parsed = parse(sdp), out = write(parsed);
console.log(`in: ${names(sdp)}; parsed: ${parsed.media[0].fingerprint?.type}; out: ${names(out)}; msid kept: ${out.match(/a=msid:/g).length}`);
process.exit(names(out) === "sha-512" && out.match(/a=msid:/g).length === 2 ? 0 : 1);
JS
node run.mjs
