// What the local gateway starts as a room's SFU: leaves its environment where the test finds it, and waits for its end.
import { renameSync, writeFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const { SFU_ID, SIGNAL_SERVER_URL } = process.env;
writeFileSync(`${folder}/${SFU_ID}.part`, SIGNAL_SERVER_URL);
renameSync(`${folder}/${SFU_ID}.part`, `${folder}/${SFU_ID}.task`);
process.stdin.resume();
setInterval(() => undefined, 60_000);
