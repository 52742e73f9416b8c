export { type Config, ConfigError, type Flags, loadConfig } from "./config.ts";
export { type Keelsond, startKeelsond } from "./start-keelsond.ts";
