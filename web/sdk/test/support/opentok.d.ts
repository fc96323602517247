/** What the tests use of the npm package `opentok`, which brings no types. */
declare module "opentok" {
  type Callback<Value = void> = (error: Error | null, value: Value) => void;

  interface Session {
    sessionId: string;
  }

  interface TokenOptions {
    role?: string | undefined;
    data?: string;
    expireTime?: number;
    initialLayoutClassList?: string[];
  }

  interface LayoutClasses {
    id: string;
    layoutClassList: string[];
  }

  export default class OpenTok {
    constructor(apiKey: string, apiSecret: string, apiUrl: string);
    createSession(options: Record<string, unknown>, callback: Callback<Session>): void;
    generateToken(sessionId: string, options?: TokenOptions, t1?: boolean): string;
    signal(
      sessionId: string,
      connectionId: string | null,
      signal: { type?: unknown; data?: unknown },
      callback: Callback,
    ): void;
    forceDisconnect(sessionId: string, connectionId: string, callback: Callback): void;
    forceMuteStream(sessionId: string, streamId: string, callback: Callback): void;
    forceMuteAll(sessionId: string, options: object, callback: Callback): void;
    disableForceMute(sessionId: string, callback: Callback): void;
    listStreams(sessionId: string, callback: Callback<unknown>): void;
    getStream(sessionId: string, streamId: string, callback: Callback<unknown>): void;
    setStreamClassLists(sessionId: string, streams: LayoutClasses[], callback: Callback<unknown>): void;
    startArchive(sessionId: string, options: object, callback: Callback<unknown>): void;
    listCallbacks(callback: Callback<unknown>): void;
    playDTMF(sessionId: string, connectionId: string | null, digits: string, callback: Callback): void;
  }
}
