import WebSocket from "ws";

// Node 20 has no WebSocket of its own; this one follows the browsers'.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;
