/** The worker that encrypts and decrypts a session's media: the secret and its keys are here, and nowhere else once they are set. */

import type { FromWorker, ToWorker, TransformOptions } from "./messages.js";
import { stretch } from "./sframe.js";
import { Decrypting, type EncodedFrame, Encrypting, type Transform } from "./transforms.js";

/** What TypeScript's DOM library, which is the page's, does not know of a worker. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
}
interface Transformer {
  readonly options: TransformOptions;
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  generateKeyFrame?(): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

const scope = globalThis as unknown as Scope;
const transforms = new Map<number, Transform>();
/** Streams that the page named before the transform was here. */
const streams = new Map<number, string>();
let stretched: CryptoKey | undefined;
/** The latest secret that was asked for. */
let latest = 0;

scope.onmessage = ({ data }) => {
  if (data.type === "secret") void useSecret(data);
  else {
    streams.set(data.id, data.streamId);
    void transforms.get(data.id)?.useStream(data.streamId);
  }
};

scope.onrtctransform = ({ transformer }) => {
  const { id, operation, streamId } = transformer.options;
  const { readable, writable } = transformer;
  const name = streams.get(id) ?? streamId;
  const decrypting = () =>
    new Decrypting(name, (trouble) => {
      scope.postMessage({ type: "trouble", id, trouble });
      // Pictures begin with a key frame: nobody has to wait for the decoder to miss it.
      if (trouble === "recovered") quietly(transformer.sendKeyFrameRequest?.());
    });
  const transform = operation === "encrypt" ? new Encrypting(name) : decrypting();
  transforms.set(id, transform);
  if (stretched) void transform.useSecret(stretched);
  const through = new TransformStream<EncodedFrame, EncodedFrame>({
    async transform(frame, controller) {
      // Whatever is odd about a frame concerns that frame: an error would end the stream.
      const data = await transform.apply(frame, kindOf(frame)).catch(() => undefined);
      if (!data) return;
      frame.data = data.buffer;
      controller.enqueue(frame);
    },
  });
  const ended = readable.pipeThrough(through).pipeTo(writable);
  quietly(ended.catch(() => undefined).then(() => transforms.delete(id)));
};

async function useSecret({ id, secret, sessionId }: ToWorker & { type: "secret" }): Promise<void> {
  latest = id;
  try {
    const made = await stretch(secret, sessionId);
    if (id === latest) {
      stretched = made;
      await Promise.all([...transforms.values()].map((transform) => transform.useSecret(made)));
    }
    scope.postMessage({ type: "ready", id });
  } catch {
    scope.postMessage({ type: "failed", id });
  }
}

/** Only pictures have a type. */
function kindOf(frame: EncodedFrame): "audio" | "video" {
  return "type" in frame ? "video" : "audio";
}

function quietly(promise: Promise<unknown> | undefined): void {
  promise?.catch(() => undefined);
}

scope.postMessage({ type: "loaded" });
