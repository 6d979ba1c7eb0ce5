// What the benchmarks and pictures of the pages share: a service and Debian's Chromium of their own,
// somebody who talks, and how figures are told. Needs SIGNALBOX_PROGRAM, SIGNALBOX_NPM (the folder of
// playwright-core) and SIGNALBOX_PLAYBOOK.
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const {SIGNALBOX_PROGRAM: kProgram, SIGNALBOX_NPM: kNpm, SIGNALBOX_PLAYBOOK: kPlaybook} = process.env;
const {chromium} = createRequire(join(kNpm, 'node_modules', 'x'))('playwright-core');
const kAtOnce = 12; // in a thread that takes one and 16 behind it

async function start_service(folder) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNALBOX_'));
  const service = spawn(kProgram, ['serve', '--dev', '--listen', '127.0.0.1:0', '--data', join(folder, 'data'),
    '--playbook', kPlaybook], {stdio: ['ignore', 'pipe', 'ignore'], env: {...Object.fromEntries(kept),
    SIGNALBOX_LIMITS_MESSAGES_PER_SECOND: '10000', SIGNALBOX_LIMITS_MESSAGES_BURST: '10000',
    SIGNALBOX_PLAYBOOK_LATENCY_SCALE: '600'}});
  let said = '';
  service.stdout.on('data', (text) => { said += text; });
  while (!said.includes('\n')) {
    if (service.exitCode !== null) throw new Error(`the service ended with ${service.exitCode}`);
    await new Promise((then) => { setTimeout(then, 20); });
  }
  return {service, address: /(http:\/\/\S+)/.exec(said)[1]};
}

/** Says these things in one thread, in the page, and waits for the end of all runs. */
export const talk = (page, user_id, thread_id, contents, agent = undefined) => page.evaluate(async (given) => {
  const {user_id, thread_id, contents, agent, at_once} = given;
  const {SignalboxClient} = await import('/signalbox.js');
  const token = async () => (await (await fetch('/dev/token', {method: 'POST', body: JSON.stringify({user_id})})).json()).token;
  const client = new SignalboxClient({url: `${location.origin.replace(/^http/, 'ws')}/ws`, token, from: 'start'});
  let next = 0;
  let ended = 0;
  await new Promise((all_ended) => {
    const more = () => { if (next < contents.length) client.user_message({thread_id, content: contents[next++], agent}); };
    client.on('event', ({type, thread_id: of}) => {
      if (type !== 'agent_completed' || of !== thread_id) return;
      more();
      if (++ended === contents.length) all_ended();
    });
    client.connect();
    for (let i = 0; i < at_once; i++) more();
  });
  client.close();
}, {user_id, thread_id, contents, agent, at_once: kAtOnce});

/** A browser still works on what it was asked before: a new window, a page that went. */
export const settled = () => new Promise((then) => { setTimeout(then, 500); });

/**
 * When the page was ready, in ms of its own clock, and what its thread had worked half a second or more later.
 * Asked over `devtools` itself: the driver's questions have a page compile 300 KB of their script.
 */
export async function ready_at(devtools) {
  const expression = "performance.getEntriesByName('signalbox-ready')[0]?.startTime ?? -1";
  for (;;) {
    await settled();
    const {result} = await devtools.send('Runtime.evaluate', {expression});
    if (result.value < 0) continue;
    const {metrics} = await devtools.send('Performance.getMetrics');
    return {at: result.value, worked: 1000 * metrics.find(({name}) => name === 'TaskDuration').value};
  }
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
export const told = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return [0.5, 0.95, 0.99, 1].map((share) => at(sorted, share).toFixed(1)).join(', ');
};

export const kSizes = {desktop: {viewport: {width: 1280, height: 800}},
  phone: {viewport: {width: 390, height: 780}, deviceScaleFactor: 2, isMobile: true, hasTouch: true}};

/** Lets it act on a browser and the address of a service; both are gone afterwards. */
export async function with_service(act) {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-page-'));
  const {service, address} = await start_service(folder);
  const browser = await chromium.launch({executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']});
  try {
    await act(browser, address);
  } finally {
    await browser.close();
    service.kill('SIGTERM');
    await new Promise((ended) => { service.once('exit', ended); });
    rmSync(folder, {recursive: true});
  }
}
