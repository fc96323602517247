import { guarded } from "./emitter.js";

/** What a line of the log says beside its sentence: ids, codes and numbers; never a token, an SDP, a candidate or an address. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Where this library says what it does and why: `console` is one. A line is a sentence, which may change with any version, and fields.
 *
 * - `debug`: the other states of signaling, each offer and why it is made
 * - `info`: the states of the call, and that handshakes are sent again
 * - `warn`: signaling reconnects and why, the gateway or the SFU refused something or did not answer, a connection was given up
 * - `error`: the call or session is over, and by which code
 *
 * It is called at once, and must not call back into the room or session. An error that it throws reaches the console, and nobody else.
 */
export interface Logger {
  debug(sentence: string, fields: LogFields): void;
  info(sentence: string, fields: LogFields): void;
  warn(sentence: string, fields: LogFields): void;
  error(sentence: string, fields: LogFields): void;
}

/** Says something, in this library. */
export type Log = (level: keyof Logger, sentence: string, fields?: LogFields) => void;

/** Says it to the application's logger; without one to nobody. */
export function logTo(logger: Logger | undefined): Log {
  return (level, sentence, fields = {}) => guarded(() => logger?.[level](sentence, fields));
}
