/** Closes a connection, whose listeners hear nothing more. */
export function closeQuietly(connection: RTCPeerConnection): void {
  connection.onicecandidate = null;
  connection.onconnectionstatechange = null;
  connection.oniceconnectionstatechange = null;
  connection.ontrack = null;
  connection.close();
}
