/** Requests and limits of containers. A CPU limit would slow down their start. */
export const HUB_RESOURCES = { requests: { cpu: "10m", memory: "96Mi" }, limits: { memory: "512Mi" } };
export const FUNCTION_RESOURCES = {
  light: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "192Mi" } },
  heavy: { requests: { cpu: "10m", memory: "96Mi" }, limits: { memory: "384Mi" } },
};
