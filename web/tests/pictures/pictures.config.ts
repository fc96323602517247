import { defineConfig } from "vitest/config";

/** Takes the documentation's pictures of calls: `npx vitest run --config pictures/pictures.config.ts`, in web/tests. */
export default defineConfig({
  test: {
    include: ["pictures/**/*.pictures.ts"],
    globalSetup: "src/setup.ts",
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 90_000,
    reporters: ["verbose"],
  },
});
