export { type CriServer, type ServeCriOptions, serveCri } from "./serve-cri.ts";
