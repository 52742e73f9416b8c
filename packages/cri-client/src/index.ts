export { type ConnectOptions, type CriConnection, connectCri } from "./connect-cri.ts";
