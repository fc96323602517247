import type { IceConfig } from "./types.js";

/** What `RTCPeerConnection` gets: the gateway's servers and the application's own, or these alone. */
export function rtcConfiguration(
  servers: readonly RTCIceServer[],
  { includeServers = "all", transportPolicy = "all", customServers = [] }: IceConfig = {},
): RTCConfiguration {
  const own = includeServers === "custom" ? [] : servers;
  return { iceServers: [...own, ...customServers], iceTransportPolicy: transportPolicy };
}
