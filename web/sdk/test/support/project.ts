import { execFile } from "node:child_process";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectProgram } from "./gateway.js";

/** The keys of a project. */
export interface Project {
  apiKey: string;
  secret: string;
}

/** A project whose tokens are signed by a key of its own. */
export interface KeyProject extends Project {
  privateKey: string;
}

const run = promisify(execFile);

/** Makes a project, or with an API key changes one, as `make project` does. */
export async function makeProject(folder: string, ...options: string[]): Promise<Project> {
  const { stdout } = await run(projectProgram, ["--local-dir", folder, ...options]);
  return JSON.parse(stdout);
}

/** Makes a project with a new pair of keys. */
export async function makeKeyProject(folder: string): Promise<KeyProject> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const file = join(folder, "public.pem");
  writeFileSync(file, publicKey);
  return { ...(await makeProject(folder, "--public-key", file)), privateKey };
}

/** A JWT that no SDK would make. */
export function forged(claims: object, secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** Turns a call with a callback into a promise. */
export function called<Value>(
  call: (callback: (error: Error | null, value: Value) => void) => void,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}
