/** A guest as the outside of Harvester sees it. */
export interface Guest {
  readonly namespace: string;
  /** Of the VirtualMachine. */
  readonly name: string;
  /** Of the VirtualMachine; behind `harvester://` it is the machine's provider ID. */
  readonly vmUid: string;
  /** Changes with every start. */
  readonly instanceUid: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of its networks, in their order; empty until the guest agent has reported. */
  readonly addresses: readonly string[];
  /** From phase Running to its Node, in milliseconds. */
  readonly nodeAfterMs: number;
}

/** What happens to guests. */
export type GuestEvent = { readonly type: "running" | "addressed" | "gone"; readonly guest: Guest };

export type GuestListener = (event: GuestEvent) => void;

/** Whom to tell of guests. */
export interface GuestListeners {
  /** A new listener is told at once of the guests that run. Returns what ends the subscription. */
  add(listener: GuestListener): () => void;
  /** Compares a guest with what was told of it, and tells what is new; undefined when it does not run. */
  tell(key: string, guest: Guest | undefined): void;
}

export function guestListeners(): GuestListeners {
  const known = new Map<string, Guest>();
  const listeners = new Set<GuestListener>();
  const emit = (type: GuestEvent["type"], guest: Guest): void => {
    for (const listener of listeners) listener({ type, guest });
  };
  return {
    add: (listener) => {
      listeners.add(listener);
      for (const guest of known.values()) {
        listener({ type: "running", guest });
        if (guest.addresses.length > 0) listener({ type: "addressed", guest });
      }
      return () => void listeners.delete(listener);
    },
    tell: (key, guest) => {
      const before = known.get(key);
      if (before !== undefined && before.instanceUid !== guest?.instanceUid) {
        known.delete(key);
        emit("gone", before);
      }
      if (guest === undefined) return;
      known.set(key, guest);
      if (before?.instanceUid !== guest.instanceUid) emit("running", guest);
      const hadAddress = before?.instanceUid === guest.instanceUid && before.addresses.length > 0;
      if (guest.addresses.length > 0 && !hadAddress) emit("addressed", guest);
    },
  };
}
