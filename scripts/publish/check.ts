// Looks at the tarballs of all packages as npm, TypeScript and their users will. The packages must have been built.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Budget, type BudgetName, budgets } from "./budgets.ts";
import { tarballFaults } from "./check-tarball.ts";
import { end, endCommandsOnSignals } from "./command.ts";
import { makeConsumer } from "./consumer.ts";
import { measure } from "./measure.ts";
import { packAll, type Tarball } from "./packages.ts";
import { rehearsePublish, rehearseVersions } from "./rehearse-release.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let failed = 0;

async function check(name: string, task: () => Promise<readonly string[]>): Promise<void> {
  const faults = await task().catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
  if (faults.length > 0) failed++;
  console.log(faults.length === 0 ? `ok      ${name}` : `FAILED  ${name}\n${faults.join("\n")}`);
}

async function passes(command: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await end(command);
  return code === 0 ? [] : [`${stdout}${stderr}`];
}

async function checkTarball(tarball: Tarball): Promise<void> {
  const { name, file, manifest } = tarball;
  await check(`${name}: what is in the tarball`, () => tarballFaults(tarball));
  await check(`${name}: publint`, () => passes(["publint", file, "--strict"]));
  // programs alone have nothing to import
  if (manifest.exports !== undefined) {
    await check(`${name}: attw`, () => passes(["attw", file, "--profile", "esm-only", "--format", "ascii"]));
  }
  await check(`${name}: npm publish --dry-run`, async () => {
    await rehearsePublish(tarball);
    return [];
  });
}

/** The commands of all packages, installed by npm without install scripts. */
async function commandFaults(tarballs: readonly Tarball[], project: string): Promise<readonly string[]> {
  await makeConsumer({ folder: project, tarballs });
  const faults: string[] = [];
  for (const command of tarballs.flatMap(({ manifest }) => Object.keys(manifest.bin ?? {}))) {
    const { code, stdout, stderr } = await end([
      process.execPath,
      join(project, "node_modules/.bin", command),
      "--help",
    ]);
    if (code !== 0 || !stdout.includes(command))
      faults.push(`${command} --help: exit code ${code}\n${stdout}${stderr}`);
  }
  return faults;
}

function overBudget(measured: ReadonlyMap<BudgetName, number>): readonly string[] {
  const faults: string[] = [];
  for (const [name, value] of measured) {
    const { what, most, unit }: Budget = budgets[name];
    const line = `${what}: ${value.toFixed(unit === "packages" ? 0 : 1)} ${unit}, at most ${most}`;
    console.log(`        ${line}`);
    if (value > most) faults.push(line);
  }
  return faults;
}

endCommandsOnSignals();
const folder = await mkdtemp(join(tmpdir(), "keelson-packages-"));
try {
  const tarballs = await packAll(root, folder);
  for (const tarball of tarballs) await checkTarball(tarball);
  await check("changeset version", async () => {
    await mkdir(join(folder, "release"));
    console.log(`        the next version is ${await rehearseVersions(root, join(folder, "release"))}`);
    return [];
  });
  await check("commands start", () => commandFaults(tarballs, join(folder, "commands")));
  await check("what a package costs", async () => overBudget(await measure(tarballs, folder)));
} finally {
  await rm(folder, { recursive: true });
}
if (failed > 0) {
  console.log(`${failed} of the checks of packages failed`);
  process.exitCode = 1;
}
