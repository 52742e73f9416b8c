import type { Area } from "../areas.ts";
import type { Case } from "../case.ts";
import { concurrency } from "./concurrency/index.ts";
import { errors } from "./errors/index.ts";
import { events } from "./events/index.ts";
import { exec } from "./exec/index.ts";
import { filters } from "./filters/index.ts";
import { idempotence } from "./idempotence/index.ts";
import { identifiers } from "./identifiers/index.ts";
import { images } from "./images/index.ts";
import { lifeCycle } from "./life-cycle/index.ts";
import { logs } from "./logs/index.ts";
import { restart } from "./restart/index.ts";
import { stats } from "./stats/index.ts";
import { status } from "./status/index.ts";

export const casesByArea: Readonly<Record<Area, readonly Case[]>> = {
  "life-cycle": lifeCycle,
  idempotence,
  concurrency,
  identifiers,
  filters,
  events,
  status,
  errors,
  images,
  exec,
  logs,
  stats,
  restart,
};
