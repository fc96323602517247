import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The whole client in one small file, for pages without a bundler. Bundlers get what `tsc` makes, module by module. */
export default defineConfig({
  // What the file names is beside it.
  base: "./",
  build: {
    lib: {
      entry: fileURLToPath(new URL("src/index.ts", import.meta.url)),
      formats: ["es"],
      fileName: () => "arbiter.js",
    },
    // Vite leaves the spaces in a library's ES module, and what it may leave out marked, for a bundler: here none follows.
    rolldownOptions: { output: { minify: true, comments: { annotation: false } } },
  },
  // Loaded when a secret is set: calls without one do without it.
  worker: {
    format: "es",
    rolldownOptions: {
      output: { entryFileNames: "arbiter-encryption.js", minify: true, comments: { annotation: false } },
    },
  },
});
