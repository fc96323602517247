// What is published, in the hands of somebody who has nothing else of this repository.

import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type PreviewServer, preview } from "vite";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { calls } from "../src/call";
import { examples, execute, makePackages, versions, write } from "../src/packages";
import { Person } from "../src/person";

const call = calls();
let folder: string;
let packages: { client: string; react: string };
/** Our packages, and what an application of a newcomer has beside them. */
let app: string;
const servers: PreviewServer[] = [];
const people: Person[] = [];

const INSTALL = ["install", "--no-audit", "--no-fund", "--loglevel=error"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "arbiter-packages-"));
  packages = await makePackages();
  app = join(folder, "app");
  await write(app, {
    "package.json": {
      private: true,
      type: "module",
      dependencies: await versions("react", "react-dom"),
      devDependencies: {
        ...(await versions("@types/react", "@types/react-dom", "@vitejs/plugin-react", "typescript", "vite")),
        // The last one that most editors and projects still have.
        typescript5: "npm:typescript@5.9.3",
      },
    },
  });
  await execute(app, "npm", ...INSTALL, packages.client, packages.react);
  const { httpUrl, signalUrl } = call.stack.urls;
  const [main = ""] = await examples("react", "tsx");
  await write(app, {
    // As the README has it, with the addresses that `make deploy` writes.
    "src/main.tsx": replaced(
      main,
      [/(?<=httpUrl=)"[^"]+"/, "{import.meta.env.VITE_ARBITER_HTTP_URL}"],
      [/(?<=signalUrl=)"[^"]+"/, "{import.meta.env.VITE_ARBITER_SIGNAL_URL}"],
      [
        "<Arbiter\n",
        '<Arbiter autoJoin name="Ann" onRoom={(room) => Object.assign(window, { arbiter: room })}\n',
      ],
    ),
    "index.html":
      '<div id="call" style="height: 100vh"></div><script type="module" src="/src/main.tsx"></script>',
    ".env": `VITE_ARBITER_HTTP_URL=${httpUrl}\nVITE_ARBITER_SIGNAL_URL=${signalUrl}\n`,
  });
}, 300_000);

afterEach(async () => {
  for (const person of people.splice(0)) await person.close();
});

afterAll(async () => {
  for (const server of servers) await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Serves a folder at any free port, and gives its address. */
async function serve(root: string, outDir: string): Promise<string> {
  const server = await preview({
    root,
    configFile: false,
    logLevel: "silent",
    build: { outDir },
    preview: { host: "127.0.0.1", port: 0 },
  });
  servers.push(server);
  const [url] = server.resolvedUrls?.local ?? [];
  if (!url) throw new Error("the page has no address");
  return url;
}

/** Two people open the page, and see and hear each other. Both have the name that the page gives them. */
async function meet(url: string, name: string): Promise<void> {
  const open = async () => {
    const person = await Person.open(call.browser, name, url);
    people.push(person);
    return person.joined();
  };
  const ann = await open();
  const bob = await open();
  await ann.seesAndHears(name);
  await bob.seesAndHears(name);
  expect([...ann.errors, ...bob.errors]).toEqual([]);
}

/** Replaces what is there once. */
function replaced(text: string, ...changes: [string | RegExp, string][]): string {
  return changes.reduce((text, [from, to]) => {
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`the example has ${parts.length - 1} times ${from}`);
    return parts.join(to);
  }, text);
}

test("the packages hold what a user needs, and nothing else", async () => {
  const inside = async (path: string) =>
    (await execute(folder, "tar", "-tzf", path)).trim().split("\n").sort();
  const [client, react] = await Promise.all([inside(packages.client), inside(packages.react)]);
  for (const files of [client, react]) {
    const beside = files.filter((file) => !/^package\/dist\/([\w-]+\/)*[\w-]+(\.d\.ts|\.js)$/.test(file));
    const own = files === react ? ["package/dist/style.css", "package/dist/style.d.css.ts"] : [];
    expect(beside).toEqual(["package/LICENSE", "package/README.md", ...own, "package/package.json"].sort());
  }
  // One file of code, and the types of it.
  expect(react.filter((file) => file.endsWith(".js"))).toEqual(["package/dist/index.js"]);
  expect(react.filter((file) => file.includes("demo"))).toEqual([]);
});

test("the licence in each package is the repository's, and nothing names a source map", async () => {
  const root = await readFile(join(import.meta.dirname, "../../../LICENSE"), "utf8");
  expect(root).toContain("Copyright 2026 The Arbiter authors");
  for (const name of ["client", "react"]) {
    const installed = join(app, "node_modules/@arbiter", name);
    expect(await readFile(join(installed, "LICENSE"), "utf8")).toBe(root);
    expect(JSON.parse(await readFile(join(installed, "package.json"), "utf8")).license).toBe("Apache-2.0");
    expect(await readFile(join(installed, "dist/index.js"), "utf8")).not.toContain("sourceMappingURL");
  }
});

test("a new application's strict types accept ours, and every example", async () => {
  const [, own = "", lesson = ""] = await examples("react", "tsx");
  const project = (module: string, moduleResolution: string, types: string[], include: string) => ({
    compilerOptions: {
      ...{ target: "ES2022", lib: ["ES2023", "DOM", "DOM.Iterable"], jsx: "react-jsx" },
      ...{ module, moduleResolution, types, strict: true, skipLibCheck: false, noEmit: true },
    },
    include: [include],
  });
  await write(app, {
    "src/Call.tsx": own,
    "src/Lesson.tsx": lesson,
    // Without Vite's word that a style sheet may be imported.
    "alone/main.ts": 'import "@arbiter/react/style.css";\nexport { Arbiter } from "@arbiter/react";\n',
    "tsconfig.json": project("ESNext", "Bundler", ["vite/client"], "src"),
    "tsconfig.nodenext.json": project("NodeNext", "NodeNext", ["vite/client"], "src"),
    "tsconfig.node16.json": project("Node16", "Node16", [], "alone"),
  });
  for (const name of ["tsconfig.json", "tsconfig.nodenext.json", "tsconfig.node16.json"])
    await execute(app, "node", "node_modules/typescript/bin/tsc", "-p", name);
  await execute(app, "node", "node_modules/typescript5/bin/tsc", "-p", "tsconfig.json");
}, 180_000);

test("a new application with Vite and React is a call", async () => {
  await execute(app, "npx", "vite", "build");
  await meet(`${await serve(app, "dist")}a/team`, "Ann");
});

test("a page without a bundler is a call with one file of the client", async () => {
  const plain = join(folder, "plain");
  const [page = ""] = await examples("sdk", "html");
  await write(plain, {
    "page/index.html": replaced(
      page,
      ["http://127.0.0.1:3000", call.stack.urls.httpUrl],
      ["ws://127.0.0.1:3001/prod", call.stack.urls.signalUrl],
      ["const room = ", "const room = window.arbiter = "],
    ),
    "package.json": { private: true },
  });
  await execute(plain, "npm", ...INSTALL, packages.client);
  const file = join(plain, "node_modules/@arbiter/client/dist/arbiter.js");
  await copyFile(file, join(plain, "page/arbiter.js"));
  const bytes = await readFile(file);
  // What the README says of its size.
  expect(bytes.length).toBeLessThan(88_900);
  expect(gzipSync(bytes).length).toBeLessThan(28_900);
  await meet(await serve(plain, "page"), "Ann");
});
