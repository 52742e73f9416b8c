import process from "node:process";
import { Command } from "commander";
import { images } from "./commands/images.ts";
import { pods } from "./commands/pods.ts";
import { ps } from "./commands/ps.ts";
import { pull } from "./commands/pull.ts";
import { rm } from "./commands/rm.ts";
import { rmi } from "./commands/rmi.ts";
import { run } from "./commands/run.ts";
import { version } from "./commands/version.ts";
import { defaultEndpoint, type GlobalOptions } from "./endpoint.ts";
import { printable } from "./output/printable.ts";

/** The command line of `keelson`. Commands return their text or exit code; printing happens here. */
export function program(): Command {
  const root = new Command("keelson")
    .description("Looks at container runtimes and runs pods on them, over the Container Runtime Interface.")
    .option(
      "--endpoint <endpoint>",
      `socket of the runtime (default: $CONTAINER_RUNTIME_ENDPOINT, else ${defaultEndpoint})`,
    )
    .configureOutput({
      outputError: (text, write) => {
        write(`keelson: ${printable(text.replace(/^error: /, ""))}`);
      },
    })
    .showHelpAfterError("  → keelson --help lists the commands");
  const global = (): GlobalOptions => root.opts<GlobalOptions>();

  root
    .command("run <image> [command...]")
    .usage("[--host-network] <image> [-- command...]")
    .description("pull an image, run it in a pod, show its log, remove the pod; exits with the container's code")
    .option("--host-network", "use the host's network")
    .showHelpAfterError("  → keelson run IMAGE -- COMMAND… is the form")
    .action(async (image: string, command: string[], options: { hostNetwork?: boolean }) => {
      process.exitCode = await run(image, command, { ...global(), ...options });
    });
  root
    .command("pods")
    .description("list pods, the newest first")
    .option("-q, --quiet", "print IDs only")
    .action(async (options: { quiet?: boolean }) => print(await pods({ ...global(), ...options })));
  root
    .command("ps")
    .description("list containers, the newest first")
    .option("-q, --quiet", "print IDs only")
    .action(async (options: { quiet?: boolean }) => print(await ps({ ...global(), ...options })));
  root
    .command("images")
    .description("list images")
    .action(async () => print(await images(global())));
  root
    .command("pull <image>")
    .description("fetch an image")
    .action(async (image: string) => print(await pull(image, global())));
  root
    .command("rmi <image...>")
    .description("remove images")
    .action(async (names: string[]) => printEach(rmi(names, global())));
  root
    .command("rm <id...>")
    .description("stop and remove pods or containers")
    .action(async (ids: string[]) => printEach(rm(ids, global())));
  root
    .command("version")
    .description("show what the runtime is and which version of CRI it speaks")
    .action(async () => print(await version(global())));
  root
    .command("demo")
    .description("start a runtime of its own, run a pod of two containers in it, show what happens, remove everything")
    .action(async () => {
      // it brings a runtime along, which no other command should wait for
      const { demo } = await import("./demo/demo.ts");
      process.exitCode = await demo();
    });
  return root;
}

/** What runtimes say is foreign text: a terminal gets it without control characters, a pipe as it is. */
function print(text: string): void {
  if (text !== "") process.stdout.write(`${process.stdout.isTTY === true ? printable(text) : text}\n`);
}

async function printEach(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) print(line);
}
