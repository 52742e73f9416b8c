import process from "node:process";
import { Command } from "commander";
import type { ConformanceOptions } from "./commands/conformance.ts";
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
    .command("doctor")
    .usage("[--json] [--image-endpoint <endpoint>] [--timeout <seconds>]")
    .description("tell what kubelets 1.22 to 1.37 do with the runtimes of this machine, and why")
    .option("--json", "print everything as JSON (docs/reference/doctor.md)")
    .option("--image-endpoint <endpoint>", "socket of the image service (default: the runtime's)")
    .option("--timeout <seconds>", "how long an answer may take", "5")
    .addHelpText("after", doctorHelp)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(async (options: { json?: boolean; imageEndpoint?: string; timeout?: string }) => {
      const { doctor } = await import("./commands/doctor.ts");
      const { stdout, stderr, exitCode } = await doctor({ ...global(), ...options });
      print(stdout);
      if (stderr !== "") process.stderr.write(`${stderr}\n`);
      process.exitCode = exitCode;
    });
  root
    .command("conformance")
    .usage("[--only AREA|NAME] [--tap] [--junit <file>] [--list]")
    .description("check what CRI promises against the runtime, case by case")
    .option("--only <word>", "an area, or a part of AREA/NAME")
    .option("--tap", "print TAP instead of a table")
    .option("--junit <file>", "write JUnit's XML too")
    .option("--list", "print the cases and run none")
    .option("--image <reference>", "busybox, where the runtime has it under a name of its own")
    .option("--concurrency <number>", "how many cases run side by side", "4")
    .action(async (options: ConformanceFlags) => {
      const { conformance } = await import("./commands/conformance.ts");
      const { stdout, exitCode } = await conformance({ ...global(), ...options });
      print(stdout);
      process.exitCode = exitCode;
    });
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

type ConformanceFlags = Omit<ConformanceOptions, keyof GlobalOptions>;

const doctorHelp = `
Without --endpoint and CONTAINER_RUNTIME_ENDPOINT it tries the sockets of keelson, containerd, crio and cri-dockerd.

Exit codes, of several endpoints the best:
  0  the newest kubelet works with the runtime: the node registers and becomes Ready
  3  the node registers and stays NotReady, or no pod can run on it
  4  the newest kubelet does not start, older ones do
  5  CRI is served, and no kubelet starts
  6  gRPC is spoken, and no CRI is served
  7  what listens there does not speak gRPC
  8  no answer in time
  9  nothing listens there, or it can't be reached
  1  keelson itself failed        2  it was called wrongly`;

/** What runtimes say is foreign text: a terminal gets it without control characters, a pipe as it is. */
function print(text: string): void {
  if (text !== "") process.stdout.write(`${process.stdout.isTTY === true ? printable(text) : text}\n`);
}

async function printEach(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) print(line);
}
