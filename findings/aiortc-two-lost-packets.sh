#!/usr/bin/env bash
# aiortc 1.16.0 (av 18.1.0, Python 3.11): two video packets that are lost for good freeze a receiver for 512 packets.
#
# Two aiortc connections, VP8, 640x480 at 30 pictures a second, each picture one packet. Once it runs, two packets (and what is
# sent again of them) do not arrive; all others do.
# Expected: the receiver asks for a key frame when its NACKs come to nothing, and shows pictures again within a second or two.
# Happens: its jitter buffer holds 512 packets and waits for the hole; it asks for no key frame before it is full. At one packet
#   a picture that is 17 seconds, in which every packet arrives. (At a higher bit rate it is shorter: it is packets, not time.)
#   So a sender or an SFU must not leave a gap in the sequence numbers that it cannot fill, as by leaving out packets after a pause.
# Seen: "pictures before: 119; the next one after 17.1 s; packets sent meanwhile: 525"
# Exit 0 while it takes longer than 8 seconds.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0 av==18.1.0
cat > "$dir/run.py" <<'PY'
import asyncio, struct, sys, time
from aiortc import RTCPeerConnection, VideoStreamTrack

async def main():
    one, other = RTCPeerConnection(), RTCPeerConnection()
    seen = []

    @other.on("track")
    def on_track(track):
        async def watch():
            try:
                while True:
                    await track.recv()
                    seen.append(time.monotonic())
            except Exception:
                pass
        asyncio.ensure_future(watch())

    sender = one.addTrack(VideoStreamTrack())
    await one.setLocalDescription(await one.createOffer())
    await other.setRemoteDescription(one.localDescription)
    await other.setLocalDescription(await other.createAnswer())
    await one.setRemoteDescription(other.localDescription)
    await asyncio.sleep(4)
    before = len(seen)
    transport, state = sender.transport, {"first": None, "sent": 0}
    whole = transport._send_rtp

    async def holed(data):
        kind = data[1] & 0x7F
        if data[1] >= 192 and data[1] <= 223:      # RTCP
            return await whole(data)
        if kind == 97:                             # VP8
            number = struct.unpack("!H", data[2:4])[0]
            state["first"] = number if state["first"] is None else state["first"]
            state["sent"] += 1
            if (number - state["first"]) % 65536 < 2:
                return
        elif kind == 98:                           # sent again: of the two only, as nothing else is lost
            return
        await whole(data)

    transport._send_rtp = holed
    start, after = time.monotonic(), []
    for _ in range(60):
        await asyncio.sleep(0.5)
        after = [at - start for at in seen if at - start > 0.2]
        if len(after) > 5:
            break
    pause = after[0] if after else 30.0
    print(f"pictures before: {before}; the next one after {pause:.1f} s; packets sent meanwhile: {state['sent']}")
    await one.close(); await other.close()
    sys.exit(0 if before > 50 and pause > 8 else 1)

asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
