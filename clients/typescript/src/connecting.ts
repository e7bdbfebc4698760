/**
 * Every address of the gateway's name, the most promising first, and a connection to one of them.
 *
 * An address that refuses is left at once for the next; one that says nothing gets company after a
 * quarter of a second, and whoever answers first is taken (RFC 8305).
 */
import { lookup } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";

const STAGGER = 250; // milliseconds until the next address is tried as well
const CONNECT_WITHIN = 5_000;
const LOOK_UP_EVERY = 30_000;
const FAILED_FOR = 30_000; // an address that failed comes after the others
const PREFERRED_FOR = 600_000;

export interface Entry {
  readonly url: URL;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** To use instead of looking the name up. */
  readonly addresses: readonly string[];
}

/** What is known of the addresses of an entry. */
export class AddressBook {
  #addresses: string[] = [];
  #learntAt = -Infinity;
  #preferred: { address: string; since: number } | undefined;
  readonly #failedAt = new Map<string, number>();

  /** Return the addresses in order, looked up anew every half minute. */
  async inOrder(entry: Entry, now: number): Promise<string[]> {
    if (now - this.#learntAt >= LOOK_UP_EVERY) await this.#lookUp(entry, now);
    const { address, since } = this.#preferred ?? { address: "", since: -Infinity };
    const rank = (each: string): number => {
      if (each === address && now - since < PREFERRED_FOR) return -Infinity;
      const failedAt = this.#failedAt.get(each);
      return failedAt !== undefined && now - failedAt < FAILED_FOR ? failedAt : 0;
    };
    return this.#addresses.map((each) => ({ each, rank: rank(each) }))
      .sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank))
      .map(({ each }) => each);
  }

  worked(address: string, now: number): void {
    this.#failedAt.delete(address);
    if (this.#preferred?.address !== address) this.#preferred = { address, since: now };
  }

  failed(address: string, now: number): void {
    this.#failedAt.set(address, now);
    if (this.#preferred?.address === address) this.#preferred = undefined;
  }

  async #lookUp(entry: Entry, now: number): Promise<void> {
    try {
      const found = entry.addresses.length
        ? [...entry.addresses]
        : (await lookup(entry.host, { all: true, verbatim: true })).map((each) => each.address);
      this.#addresses = takingTurns([...new Set(found)]);
      this.#learntAt = now;
    } catch (error) {
      if (this.#addresses.length === 0) throw error; // else what was good before is used
      this.#learntAt = now - LOOK_UP_EVERY + 5_000;
    }
  }
}

/** Shuffle the addresses of a family, and let the families take turns (RFC 8305 section 4). */
function takingTurns(found: string[]): string[] {
  const first = net.isIP(found[0] ?? "");
  const families = [
    shuffled(found.filter((each) => net.isIP(each) === first)),
    shuffled(found.filter((each) => net.isIP(each) !== first)),
  ];
  const turns: string[] = [];
  for (let n = 0; n < found.length; n++) {
    for (const family of families) {
      const address = family[n];
      if (address !== undefined) turns.push(address);
    }
  }
  return turns;
}

function shuffled(addresses: string[]): string[] {
  return addresses.map((each) => ({ each, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ each }) => each);
}

export interface Connected {
  readonly socket: net.Socket;
  readonly address: string;
  /** Those that were begun before and had not answered. */
  readonly slow: readonly string[];
}

/** A connection came about, and the TLS handshake failed: nothing was sent. */
export class NoTls extends Error {
  constructor(
    words: string,
    readonly address: string,
  ) {
    super(`no TLS: ${words}`);
  }
}

/** Connect to the first address that takes it, TLS included. Rejects when none does. */
export async function dial(
  entry: Entry,
  addresses: readonly string[],
  within: number,
): Promise<Connected> {
  const raced = await race(entry.port, addresses, Math.min(within, CONNECT_WITHIN));
  if (!entry.isTls) return raced;
  const socket = tls.connect({
    socket: raced.socket,
    ...(net.isIP(entry.host) ? { host: entry.host } : { servername: entry.host, host: entry.host }),
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error("no TLS in time")), CONNECT_WITHIN);
    socket.once("secureConnect", () => resolve(clearTimeout(timer)));
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(new NoTls(error.message, raced.address));
    });
  });
  return { ...raced, socket };
}

function race(port: number, addresses: readonly string[], within: number): Promise<Connected> {
  return new Promise((resolve, reject) => {
    const waiting = [...addresses];
    const begun = new Map<net.Socket, string>();
    let why = new Error("no answer in time");
    let next: NodeJS.Timeout | undefined;
    const end = setTimeout(() => settle(() => reject(new Error("no answer in time"))), within);

    function settle(done: () => void): void {
      clearTimeout(next);
      clearTimeout(end);
      waiting.length = 0;
      for (const socket of begun.keys()) socket.destroy();
      begun.clear();
      done();
    }

    function begin(): void {
      clearTimeout(next);
      const address = waiting.shift();
      if (address === undefined) {
        if (begun.size === 0) settle(() => reject(why));
        return;
      }
      const socket = net.connect({ host: address, port, noDelay: true });
      begun.set(socket, address);
      socket.once("connect", () => {
        begun.delete(socket);
        socket.removeAllListeners("error");
        const slow = [...begun.values()];
        settle(() => resolve({ socket, address, slow }));
      });
      socket.on("error", (error) => {
        if (!begun.delete(socket)) return;
        why = error;
        begin();
      });
      next = setTimeout(begin, STAGGER);
    }

    begin();
  });
}
