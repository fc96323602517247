import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin, type TestProjectConfiguration } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** TypeScript 6 asks for the types of a style sheet too, where it is imported: there are none. */
const styleTypes: Plugin = {
  name: "style-types",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: "style.d.css.ts", source: "export {};\n" });
  },
};

/** `--mode library`: what is published. `--mode demo`: the page that the local gateway serves at every path, hence the absolute base. */
export default defineConfig(({ mode }) => {
  if (mode === "library") {
    return {
      plugins: [react(), styleTypes],
      publicDir: false,
      build: {
        outDir: "dist",
        lib: { entry: here("src/index.ts"), formats: ["es"], fileName: "index", cssFileName: "style" },
        rollupOptions: {
          external: ["react", "react-dom", "react/jsx-runtime", "@arbiter/client"],
          // For frameworks that render on the server: this part is the browser's.
          output: { banner: '"use client";' },
        },
      },
    };
  }
  return {
    root: mode === "test" ? "." : here("demo"),
    base: "/",
    plugins: [react()],
    build: { outDir: here("dist/demo"), emptyOutDir: true },
    test: {
      projects: [
        {
          extends: true,
          // As the examples of the README have it.
          resolve: { alias: [{ find: /^@arbiter\/react$/, replacement: here("src/index.ts") }] },
          test: {
            name: "browser",
            environment: "happy-dom",
            include: ["test/**/*.test.{ts,tsx}"],
            exclude: ["test/server/**"],
            setupFiles: ["test/setup.ts"],
          },
        },
        onServer("18", here("../react-18/node_modules")),
        onServer("19", here("../node_modules")),
      ],
    },
  };
});

/** The tests of rendering on a server, with a version of React, and with the client itself. */
function onServer(version: string, modules: string): TestProjectConfiguration {
  return {
    extends: true,
    resolve: {
      alias: [
        { find: /^(react|react-dom)(?=$|\/)/, replacement: `${modules}/$1` },
        { find: "@arbiter/client", replacement: here("../sdk/src/index.ts") },
      ],
    },
    test: {
      name: `server, React ${version}`,
      environment: "node",
      include: ["test/server/*.test.tsx"],
      provide: { react: version },
    },
  };
}

declare module "vitest" {
  interface ProvidedContext {
    /** The major version of React that a run is for. */
    react: string;
  }
}
