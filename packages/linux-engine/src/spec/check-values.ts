import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { ContainerConfig, PodSandboxConfig } from "@keelson/cri-api/v1";
import { initUser } from "./build-init-spec.ts";
import { readCapability } from "./capabilities.ts";
import { checkCgroupParent } from "./cgroups-path.ts";
import { checkDevice } from "./devices.ts";
import { checkString, readEnvs } from "./environment.ts";
import type { HostFacts } from "./host-facts.ts";
import { buildMaskedPaths } from "./masked-paths.ts";
import { checkMount } from "./mounts.ts";
import { checkOomScoreAdj } from "./oom-score.ts";
import { buildCwd } from "./process.ts";
import { checkResources } from "./resources.ts";
import { localhostSeccompPath } from "./seccomp/build-seccomp.ts";
import { chooseAppArmor } from "./seccomp/profile-choice.ts";
import { readStopSignal } from "./stop-signal.ts";
import { readSysctls } from "./sysctls.ts";
import { checkUser } from "./users.ts";

/** What can be said of a container's values without image and host. @throws INVALID_ARGUMENT naming the field */
export function checkContainerValues(config: ContainerConfig): void {
  const context = config.linux?.securityContext;
  for (const [index, text] of config.command.entries()) checkString(text, `command[${index}]`);
  for (const [index, text] of config.args.entries()) checkString(text, `args[${index}]`);
  readEnvs(config.envs);
  buildCwd(config, {});
  for (const [index, mount] of config.mounts.entries()) checkMount(mount, index);
  for (const [index, device] of config.devices.entries()) checkDevice(device, index);
  readStopSignal(config);
  readCapability(context?.capabilities);
  checkUser(context);
  buildMaskedPaths(context);
  localhostSeccompPath(config);
  chooseAppArmor(context);
  if (config.linux?.resources !== undefined) {
    checkResources(config.linux.resources);
    checkOomScoreAdj(config.linux.resources.oomScoreAdj);
  }
}

/** What can be said of a sandbox's values. @throws INVALID_ARGUMENT naming the field */
export function checkSandboxValues(config: PodSandboxConfig, facts: Pick<HostFacts, "cgroupDriver">): void {
  checkHostname(config.hostname);
  for (const [list, texts] of Object.entries({
    servers: config.dnsConfig?.servers ?? [],
    searches: config.dnsConfig?.searches ?? [],
    options: config.dnsConfig?.options ?? [],
  })) {
    for (const [index, text] of texts.entries()) checkDnsWord(text, `dns_config.${list}[${index}]`);
  }
  const cgroupParent = config.linux?.cgroupParent ?? "";
  if (cgroupParent !== "") checkCgroupParent(cgroupParent, facts.cgroupDriver);
  readSysctls(config.linux?.sysctls ?? {});
  initUser(config); // also where no process of the sandbox's own takes it
  // the kubelet has set them; what is recorded and shown has to mean something all the same
  const { resources, overhead } = config.linux ?? {};
  if (resources !== undefined) checkResources(resources);
  if (overhead !== undefined) checkResources(overhead, "linux.overhead");
}

/** sethostname(2) takes 64 bytes; the name also becomes a line of a file and a variable. */
function checkHostname(hostname: string): void {
  if (hostname !== "" && !/^[A-Za-z0-9._-]{1,64}$/.test(hostname)) {
    throw invalidArgument(`read hostname: ${quote(hostname)} is not made of 1…64 letters, digits, ".", "_" and "-"`);
  }
}

/** One word of a line in `resolv.conf`: a newline would start a line of its own. */
function checkDnsWord(text: string, field: string): void {
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw invalidArgument(`read ${field}: ${quote(text)} is not one word of printable ASCII`);
  }
}
