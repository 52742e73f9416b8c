#!/usr/bin/env node
import process from "node:process";
import { failure } from "./output/failure.ts";
import { program } from "./program.ts";

// Whoever reads us may have seen enough (`keelson pods | head`), and a terminal may be gone before its program.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" || error.code === "EIO") return;
  process.stderr.write(`keelson: write to stdout: ${error.message}\n`);
  process.exitCode = 1;
});
process.stderr.on("error", () => undefined);

try {
  await program().parseAsync(process.argv);
} catch (error) {
  const text = await failure(error);
  // what a broken connection still has to say is no news
  process.stdout.write("", () => process.stderr.write(`${text}\n`, () => process.exit(1)));
}
