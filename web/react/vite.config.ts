import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** `--mode library`: what is published. `--mode demo`: the page that the local gateway serves at every path, hence the absolute base. */
export default defineConfig(({ mode }) => {
  if (mode === "library") {
    return {
      plugins: [react()],
      publicDir: false,
      build: {
        outDir: "dist",
        sourcemap: true,
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
    test: { environment: "happy-dom", include: ["test/**/*.test.{ts,tsx}"], setupFiles: ["test/setup.ts"] },
  };
});
