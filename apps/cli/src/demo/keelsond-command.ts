import { fileURLToPath } from "node:url";

/** The daemon of the clone that this is part of. */
export const keelsondCommand: string = fileURLToPath(new URL("../../../../bin/keelsond", import.meta.url));
