// signalbox.js in Chromium, in a page of the service's own origin, through a network that is cut and a
// service that is killed. Run by `node browser_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {after, before, test} from 'node:test';

import {npm_package, skip_all} from './npm_package.mjs';
import {Network, Service, until} from './service.mjs';

const kChromium = '/usr/bin/chromium';
const {chromium} = npm_package('playwright-core');
if (!existsSync(kChromium)) skip_all(`needs ${kChromium} of the Debian package chromium`);

const kPage = `<!doctype html><title>test</title><script type="module">
import {SignalboxClient} from '/signalbox.js';
const user_id = location.hash.slice(1);
const heard = window.heard = {events: [], states: [], errors: []};
window.client = new SignalboxClient({
  url: location.origin.replace(/^http/, 'ws') + '/ws', from: 'start',
  back_off_first_ms: 20, back_off_max_ms: 200,
  token: async () => (await (await fetch('/dev/token',
    {method: 'POST', body: JSON.stringify({user_id})})).json()).token,
});
client.on('event', (event) => heard.events.push(event));
client.on('state', (change) => heard.states.push(change));
client.on('error', ({code}) => heard.errors.push(code));
client.connect();
</script>`;

let service;
let network;
let browser;
before(async () => {
  service = await new Service().start();
  network = await new Network(service).start();
  // Served, not put in by the browser's driver: a page that came from no network may not reach loopback.
  network.files.set('/test', {type: 'text/html', body: kPage});
  for (const name of ['signalbox', 'signalbox_outbox', 'signalbox_pace'])
    network.files.set(`/${name}.js`, {type: 'text/javascript',
      body: readFileSync(new URL(`../../gateway/web/${name}.js`, import.meta.url), 'utf8')});
  browser = await chromium.launch({executablePath: kChromium, args: ['--no-sandbox', '--disable-gpu',
    '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync']});
});
after(async () => {
  await browser?.close();
  await network?.stop();
  await service?.remove();
});

/** A page with a client of this user. */
async function open_page(t, user) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.sockets = [];
  page.on('websocket', (socket) => page.sockets.push(socket));
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(`http://${network.address}/test#${user}`);
  await until(() => page.evaluate(() => window.client?.state === 'live'),
    async () => `live page; ${JSON.stringify([faults, await page.evaluate(() => window.heard)])}`);
  return page;
}

const say = (page, message_id) => page.evaluate((id) =>
  window.client.user_message({message_id: id, thread_id: 't-1', content: 'what is 17 * 23?'}), message_id);
const events_of = (page) => page.evaluate(() => window.heard.events);
const run_ends = (page, run_id) => until(async () => (await events_of(page)).find((event) =>
  event.run_id === run_id && event.type === 'agent_completed'), `end of ${run_id}`);

async function assert_whole(page, message_ids) {
  const events = await events_of(page);
  assert.deepEqual(events.map(({seq}) => seq), events.map((_, i) => i + 1));
  assert.deepEqual(events.filter(({type}) => type === 'message_received').map(({data}) => data.message_id), message_ids);
  assert.equal(events.filter(({type}) => type === 'agent_completed').length, message_ids.length);
}

test('a page talks, and two tabs of one user see the same', async (t) => {
  const [one, two] = [await open_page(t, 'tabs'), await open_page(t, 'tabs')];
  const ended = await run_ends(one, (await say(one, 'm-1')).run_id);
  assert.match(ended.data.content, /391/);
  await run_ends(one, (await say(two, 'm-2')).run_id);
  await run_ends(two, (await events_of(one)).at(-1).run_id);
  await assert_whole(one, ['m-1', 'm-2']);
  assert.deepEqual(await events_of(two), await events_of(one));
});

test('a page whose connection is cut, refused and restored misses nothing and says nothing twice', async (t) => {
  const page = await open_page(t, 'cut-page');
  const ids = [];
  const runs = [];
  for (let i = 0; i < 8; i++) {
    ids.push(`m-${i}`);
    if (i % 2) network.cut_after(100 * i);
    runs.push((await say(page, ids.at(-1))).run_id);
  }
  network.allow(false);
  await until(() => page.evaluate(() => window.client.state === 'waiting'), 'lost connection');
  for (const id of ['down-1', 'down-2']) {
    ids.push(id);
    await page.evaluate((message_id) => void window.client.user_message(
      {message_id, thread_id: 't-1', content: 'what is 1 + 1?'}), id);
  }
  assert.deepEqual(await page.evaluate(() => window.client.unsent.map(({message_id}) => message_id)),
    ['down-1', 'down-2']);
  network.allow(true);
  await until(() => page.evaluate(() => window.client.state === 'live' && window.client.unsent.length === 0), 'all sent');
  for (const run_id of runs) await run_ends(page, run_id);
  await until(async () => (await events_of(page)).filter(({type}) => type === 'agent_completed').length === ids.length,
    'end of all runs');
  await assert_whole(page, ids);
});

test('a page outlives kill -9 of the service', async (t) => {
  const page = await open_page(t, 'killed-page');
  await say(page, 'm-1');
  await service.end('SIGKILL');
  await until(() => page.evaluate(() => window.client.state === 'waiting'), 'lost connection');
  await page.evaluate(() => void window.client.user_message(
    {message_id: 'm-2', thread_id: 't-1', content: 'what is 1 + 1?'}));
  await service.start();
  await until(async () => (await events_of(page)).filter(({type}) => type === 'agent_completed').length === 2, 'both ends');
  await assert_whole(page, ['m-1', 'm-2']);
  await until(() => page.evaluate(() => window.client.state === 'live'), 'live page');
});

test('close leaves the page without a socket', async (t) => {
  const page = await open_page(t, 'closing-page');
  assert.deepEqual(page.sockets.map((socket) => socket.isClosed()), [false]);
  await page.evaluate(() => window.client.close());
  assert.equal(await page.evaluate(() => window.client.state), 'closed');
  await until(() => page.sockets[0].isClosed(), 'closed socket');
  assert.equal(page.sockets.length, 1);
});
