import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApiCall, type CallMatch, matches } from "#platform/simulator/faults.ts";

/** The watches that go through a proxy at this moment. */
export interface ProxiedWatches {
  /** Passes on what the API server sends, until either side ends. */
  begin(call: ApiCall, fromServer: IncomingMessage, toClient: ServerResponse): ProxiedWatch;
  /** Closes the connections of these watches. Returns how many. */
  cut(match: CallMatch): number;
  /** Nothing more comes through these watches, nor through new ones, until the returned function is called; nothing gets lost. */
  freeze(match: CallMatch): () => void;
}

interface ProxiedWatch {
  cut(): void;
  /** Nothing more comes, for good; the connection stays. */
  silence(): void;
}

interface Entry {
  readonly call: ApiCall;
  readonly fromServer: IncomingMessage;
  readonly toClient: ServerResponse;
  silent: boolean;
}

export function proxiedWatches(): ProxiedWatches {
  const entries = new Set<Entry>();
  const frozen = new Set<CallMatch>();
  /** Stops or passes on, as the freezes in force say. */
  const settle = (entry: Entry): void => {
    const { fromServer, toClient, call } = entry;
    if (entry.silent || [...frozen].some((match) => matches(match, call))) {
      fromServer.unpipe(toClient);
      fromServer.pause();
    } else {
      fromServer.pipe(toClient);
    }
  };
  const cut = ({ toClient, fromServer }: Entry): void => {
    toClient.destroy();
    fromServer.destroy();
  };
  return {
    begin: (call, fromServer, toClient) => {
      const entry: Entry = { call, fromServer, toClient, silent: false };
      entries.add(entry);
      toClient.once("close", () => entries.delete(entry));
      settle(entry);
      return {
        cut: () => cut(entry),
        silence: () => {
          entry.silent = true;
          settle(entry);
        },
      };
    },
    cut: (match) => {
      const hit = [...entries].filter(({ call }) => matches(match, call));
      hit.forEach(cut);
      return hit.length;
    },
    freeze: (match) => {
      frozen.add(match);
      for (const entry of entries) settle(entry);
      return () => {
        frozen.delete(match);
        for (const entry of entries) settle(entry);
      };
    },
  };
}
