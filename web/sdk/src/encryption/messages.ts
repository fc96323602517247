/** What the page and the worker say to each other. Ids are the page's, and grow. */

/** To the worker. The last secret counts, and the last stream of a transform. */
export type ToWorker =
  | { type: "secret"; id: number; secret: string; sessionId: string }
  | { type: "stream"; id: number; streamId: string };

/** To the page. */
export type FromWorker =
  /** It hears of transforms from now on. */
  | { type: "loaded" }
  /** The secret with this id is in use, or a later one is. */
  | { type: "ready"; id: number }
  | { type: "failed"; id: number }
  /** What comes through this transform cannot be read, or can be again. */
  | { type: "trouble"; id: number; trouble: Trouble };

export type Trouble = "mismatch" | "recovered";

/** What a transform is made with. */
export interface TransformOptions {
  id: number;
  operation: "encrypt" | "decrypt";
  streamId: string;
}
