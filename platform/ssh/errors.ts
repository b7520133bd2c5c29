/**
 * Why something asked of a host over SSH did not come about.
 * - `hostKeyUnknown`: no key is pinned for the host; it was not dialled.
 * - `hostKeyChanged`: the host showed another key than those pinned; not even the name of a user was sent.
 * - `unauthenticated`: the host does not let the user in, or the private key cannot be read.
 * - `unreachable`: no connection, or it broke off. A command under way may have run all the same.
 * - `timedOut`: not within its time limit, or the attempt ended first. A command under way may go on running.
 * - `refused`: the user is let in, but may not do this: no commands, no forwarding.
 * - `portClosed`: nothing answers at the port that a stream was asked to.
 * - `sudoRefused`: `sudo -n` did not run the command.
 * - `tooMuchOutput`: more than the caller allows.
 */
export type SshErrorReason =
  | "hostKeyUnknown"
  | "hostKeyChanged"
  | "unauthenticated"
  | "unreachable"
  | "timedOut"
  | "refused"
  | "portClosed"
  | "sudoRefused"
  | "tooMuchOutput";

/**
 * Something asked of a host over SSH that did not come about. `message` names user, host and mend, and is the same for the same fault; it holds
 * no key, no output and no text of the server.
 */
export class SshError extends Error {
  override readonly name = "SshError";
  readonly reason: SshErrorReason;

  constructor(message: string, reason: SshErrorReason) {
    super(message);
    this.reason = reason;
  }
}
