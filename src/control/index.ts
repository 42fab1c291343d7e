export { callControl } from "./client.ts";
export { serveControl, type ControlServer } from "./server.ts";
export type { ControlHandlers, Reply, Verb } from "./protocol.ts";

/** Inside the state directory: who may write there may command the daemon anyway. */
export const CONTROL_SOCKET = "control.sock";
