import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["bench/**/*.measure.ts"],
    globalSetup: "src/setup.ts",
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 90_000,
    reporters: ["dot"],
  },
});
