/**
 * What the suite builds and installs. The Go modules in `modules/` pin the same versions, which a test compares; here they name images and are
 * what programs report.
 */
export const versions = {
  kubernetes: "1.35.4",
  etcd: "3.6.8",
  coredns: "1.13.1",
  pause: "3.10.1",
  kind: "0.33.0",
  keda: "2.21.0",
  knativeServing: "0.50.0",
  netKourier: "0.48.0",
  envoy: "1.40.0",
  clusterApi: "1.14.2",
  debian: "bookworm",
} as const;

/** The node image of the kind project with the same Kubernetes; used where it can be pulled. */
export const OFFICIAL_NODE_IMAGE = `docker.io/kindest/node:v${versions.kubernetes}`;
