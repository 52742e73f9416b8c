import { failedPrecondition } from "@keelson/cri-api/errors";
import { applySteps, failOnLeft, type Json, revertSteps, type SandboxEngine } from "../ports/index.ts";
import { admitSandbox } from "./admit-sandbox.ts";
import { inspectSandbox } from "./inspect.ts";
import { isHostNetwork, type SandboxTools, sandboxSteps } from "./sandbox-steps.ts";
import { turn } from "./turn.ts";

export interface SandboxesOptions extends SandboxTools {
  readonly handlers: readonly string[];
  readonly networkOutage: string | undefined;
}

export function createSandboxes(tools: SandboxesOptions): SandboxEngine {
  return {
    admit(config, runtimeHandler) {
      admitSandbox(config, runtimeHandler, tools.handlers);
    },
    async create(record, journal, task) {
      const { networkOutage } = tools;
      if (networkOutage !== undefined && !isHostNetwork(record.config.linux)) {
        throw failedPrecondition(`attach sandbox ${record.id}: the network is not ready: ${networkOutage}`);
      }
      const facts = await applySteps({ steps: sandboxSteps, subject: record, tools, journal, task });
      return { ips: readIps(facts.get("attach-network")) };
    },
    async stop(record, journal, progress) {
      const left = await revertSteps({ steps: sandboxSteps, tools, journal, until: "stop", progress });
      failOnLeft(`stop sandbox ${record.id}`, left);
    },
    async remove(record, journal, progress) {
      const left = await revertSteps({ steps: sandboxSteps, tools, journal, until: "remove", progress });
      failOnLeft(`remove sandbox ${record.id}`, left);
    },
    async inspect(record) {
      await turn();
      return { info: inspectSandbox(record) };
    },
  };
}

function readIps(facts: Json | undefined): readonly string[] {
  if (typeof facts !== "object" || facts === null || !("ips" in facts) || !Array.isArray(facts.ips)) return [];
  return facts.ips.map(String);
}
