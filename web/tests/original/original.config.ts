import { defineConfig } from "vitest/config";

/** The original's own programs beside ours: `make original CLIENT=folder SFU=folder`. */
export default defineConfig({
  test: {
    include: ["original/**/*.test.ts"],
    globalSetup: "src/setup.ts",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ["verbose"],
  },
});
