import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { nodeView, readiness } from "#platform/cluster-api/node.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { nodes } from "#platform/kube/resources.ts";

/** A scrape target on the loopback interface. */
export interface NodeExporter extends AsyncDisposable {
  readonly port: number;
}

/** Serves `kube_node_status_condition` of the Nodes of a cluster as kube-state-metrics does; condition Ready alone. */
export async function startNodeExporter(client: KubeClient): Promise<NodeExporter> {
  const server = createServer((_request, response) => {
    exposition(client).then(
      (text) => response.setHeader("content-type", "text/plain; version=0.0.4").end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function exposition(client: KubeClient): Promise<string> {
  const lines = ["# TYPE kube_node_status_condition gauge"];
  for await (const node of client.list(nodes)) {
    const ready = readiness(nodeView.schema.parse(node)).toLowerCase();
    for (const status of ["true", "false", "unknown"]) {
      const labels = `node="${node.metadata.name}",condition="Ready",status="${status}"`;
      lines.push(`kube_node_status_condition{${labels}} ${status === ready ? 1 : 0}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
