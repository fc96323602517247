import { existsSync } from "node:fs";
import { gatewayProgram } from "./gateway.js";

/** The tests speak to the real local gateway: says what to do when it has not been built. */
export default function setup(): void {
  if (!existsSync(gatewayProgram)) {
    throw new Error("The local gateway is not built: run `make gateway` in the repository's root first.");
  }
}
