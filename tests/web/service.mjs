// A running `signalbox serve --dev` for tests, a network to it that can be cut, and bounded waits.
import {spawn} from 'node:child_process';
import {createHmac} from 'node:crypto';
import {once} from 'node:events';
import {mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

export const kWaitMs = 60_000; // a machine that tests may be five times slower than the one they were written on

/** What found() gives, once it is true. */
export async function until(found, what) {
  for (const end = Date.now() + kWaitMs; ;) {
    const result = await found();
    if (result) return result;
    if (Date.now() > end) throw new Error(`no ${typeof what === 'function' ? await what() : what} in ${kWaitMs} ms`);
    await sleep(10);
  }
}

/** Waits until count() is what is wanted, however long that takes while it grows. */
export async function until_count(count, wanted, what) {
  for (let reached = 0; reached < wanted;) {
    reached = await until(async () => {
      const now = await count();
      return now > reached && now;
    }, `more than ${reached} of ${wanted} ${what}`);
  }
}

/** The program; its data survives it, so a second start goes on, on the same address. */
export class Service {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-web-'));
  address = '127.0.0.1:0';
  process = null;

  /** Settings by their names in the environment: {SIGNALBOX_LIMITS_MESSAGES_PER_SECOND: 100}. */
  constructor(settings = {}) {
    this.settings = settings;
    process.once('exit', () => this.process?.kill('SIGKILL')); // a test that is skipped ends this process at once
  }

  async start() {
    const environment = [...Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNALBOX_')),
      ...Object.entries(this.settings)];
    const log = openSync(join(this.folder, 'log'), 'a');
    const playbook = new URL('../data/conversations.jsonl.gz', import.meta.url).pathname;
    this.process = spawn(process.env.SIGNALBOX_PROGRAM, ['serve', '--dev', '--listen', this.address,
      '--data', join(this.folder, 'data'), '--playbook', playbook],
    {env: Object.fromEntries(environment), stdio: ['ignore', 'pipe', log]});
    let said = '';
    this.process.stdout.on('data', (text) => { said += text; });
    const found = await until(() => said.match(/^listening on http:\/\/(\S+)\n/) ?? this.process.exitCode !== null,
      () => `start; it said ${said} and logged ${this.log_tail()}`);
    if (found === true) throw new Error(`it ended; log: ${this.log_tail()}`);
    this.address = found[1];
    return this;
  }

  log_tail() { return readFileSync(join(this.folder, 'log'), 'utf8').slice(-4000); }

  /** SIGKILL or SIGTERM; its exit code. */
  async end(signal) {
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    return (await ended)[0];
  }

  async remove() {
    if (this.process?.exitCode === null && this.process.signalCode === null) await this.end('SIGKILL');
    rmSync(this.folder, {recursive: true});
  }

  /** A token of the user that ends so many seconds from now. */
  token(user_id, seconds = 3600, roles = undefined) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {sub: user_id, aud: 'signalbox', exp: Math.floor(Date.now() / 1000) + seconds, roles};
    const text = `${part({alg: 'HS256', typ: 'JWT'})}.${part(claims)}`;
    const key = readFileSync(join(this.folder, 'data', 'dev.key'));
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  }
}

/**
 * A TCP proxy: `cut` resets what is open, `allow(false)` also what comes; `cut_after` counts bytes down.
 * `files` are served beside what the service has: path to {type, body}.
 */
export class Network {
  cuts = 0;
  files = new Map();
  #open = new Set();
  #allowed = true;
  #bytes_left = Infinity;
  #server = createServer({allowHalfOpen: false}, (near) => this.#join(near));

  constructor(service) { this.service = service; }

  async start() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.address = `127.0.0.1:${this.#server.address().port}`;
    return this;
  }

  #join(near) {
    if (!this.#allowed) return near.resetAndDestroy();
    near.on('error', () => {});
    near.once('data', (first) => {
      if (!this.#allowed) return near.resetAndDestroy(); // by now
      const file = this.files.get(/^GET (\S+) /.exec(first)?.[1]);
      near.pause();
      if (!file) return this.#pipe(near, first);
      near.end(`HTTP/1.1 200 OK\r\nContent-Type: ${file.type}\r\nContent-Length: `
        + `${Buffer.byteLength(file.body)}\r\nConnection: close\r\n\r\n${file.body}`);
    });
  }

  #pipe(near, first) {
    const [host, port] = this.service.address.split(':');
    const far = connect(Number(port), host);
    const pair = [near, far];
    this.#open.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        this.#open.delete(pair);
      });
      from.on('data', (bytes) => this.#pass(from, to, bytes));
      from.on('end', () => to.end());
    }
    this.#pass(near, far, first);
    near.resume();
  }

  #pass(from, to, bytes) {
    const part = bytes.subarray(0, this.#bytes_left);
    this.#bytes_left -= part.length;
    to.write(part);
    if (part.length < bytes.length) {
      this.#bytes_left = Infinity;
      this.cut();
    }
  }

  cut() {
    this.cuts += this.#open.size;
    for (const pair of this.#open) for (const socket of pair) socket.resetAndDestroy();
    this.#open.clear();
  }

  /** Cuts everything once so many more bytes have passed, in the middle of whatever that is. */
  cut_after(bytes) { this.#bytes_left = bytes; }

  allow(allowed) {
    this.#allowed = allowed;
    if (!allowed) this.cut();
  }

  async stop() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
