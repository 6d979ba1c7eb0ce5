// The chat page of a running service, as a person uses it: signing in, talking, more than one window,
// a network that fails, a service that is killed, long histories and hostile words. Run by
// `node chat_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {ask, context_of, done_turns, is_live, launch_browser, open_page, open_steps, say, scrolls_sideways, sign_in, turns} from './chat_page.mjs';
import {Network, Service, until} from './service.mjs';

const kOrder = 'Can I get an mocha for Jean?'; // the playbook calls four tools for it
const kTransferMax = 100 * 1024;
const kContentBytesMax = 33_000; // not the default

let service;
let network;
let browser;
before(async () => {
  service = await new Service({
    SIGNALBOX_PLAYBOOK_LATENCY_SCALE: '400', // a tool takes 0.4 to 3.2 s
    SIGNALBOX_GATEWAY_AGENTS: 'assistant,playbook,nobody', // the router knows no such agent
    SIGNALBOX_LIMITS_CONTENT_BYTES_MAX: String(kContentBytesMax),
  }).start();
  network = await new Network(service).start();
  browser = await launch_browser();
});
after(async () => {
  await browser?.close();
  await network?.stop();
  await service?.remove();
});

/** A live page of the user in a context of its own: another device. */
async function device(t, user, options) {
  const page = await open_page(await context_of(t, browser, options), network.address);
  t.after(() => assert.deepEqual(page.faults, []));
  await sign_in(page, user);
  return page;
}

test('the files of the page are small, typed, tagged and fenced in', async () => {
  const base = `http://${service.address}`;
  const html = await (await fetch(`${base}/`)).text();
  const paths = ['/', ...[...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path)];
  let bytes = 0;
  for (const path of new Set(paths)) {
    const got = await fetch(base + path);
    const body = Buffer.from(await got.arrayBuffer());
    const type = path === '/' ? 'text/html' : path.endsWith('.css') ? 'text/css' : 'text/javascript';
    assert.equal(got.status, 200, path);
    assert.equal(got.headers.get('content-type'), `${type}; charset=utf-8`);
    assert.equal(got.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(got.headers.get('cache-control'), 'no-cache');
    const policy = Object.fromEntries(got.headers.get('content-security-policy').split('; ').map((part) => part.split(/ (.*)/)));
    assert.equal(policy['default-src'], "'none'");
    for (const kind of ['script-src', 'style-src', 'connect-src']) assert.equal(policy[kind], "'self'");
    assert.equal(policy['img-src'], 'data:');
    assert.doesNotMatch(JSON.stringify(policy), /unsafe|http|\*/);
    const head = await fetch(base + path, {method: 'HEAD'});
    assert.equal(Number(head.headers.get('content-length')), body.length);
    assert.equal((await head.arrayBuffer()).byteLength, 0);
    const tag = got.headers.get('etag');
    assert.equal(head.headers.get('etag'), tag);
    const again = await fetch(base + path, {headers: {'If-None-Match': `"other", ${tag}`}});
    assert.equal(again.status, 304);
    assert.equal((await fetch(base + path, {headers: {'If-None-Match': '"other"'}})).status, 200);
    assert.equal((await fetch(base + path, {method: 'POST'})).status, 405);
    const headers = [...got.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
    bytes += body.length + headers;
  }
  console.log(`figure: the chat page transfers ${bytes} bytes in ${new Set(paths).size} files`);
  assert.ok(bytes < kTransferMax, `${bytes}`);
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style| style=| on\w+=/);
});

test('a name signs in, a question is answered, and its steps are there with arguments and results', async (t) => {
  const page = await device(t, 'ann');
  const loaded = page.requests.length;
  assert.equal((await ask(page, 'what is 17 * 23?')).answer, '17 * 23 = 391');
  await open_steps(page);
  const steps = await page.textContent('.steps ol');
  assert.match(steps, /This is a calculation\./);
  assert.match(steps, /calculator/);
  assert.match(steps, /\{"expression":"17 \* 23"\}/);
  assert.match(steps, /"value":"391"/);
  assert.ok(loaded > 0);
  for (const url of page.requests)
    assert.match(url, new RegExp(`^(http|ws)://${network.address}/|^data:`));
  await page.reload();
  await is_live(page);
  assert.equal((await done_turns(page, 1))[0].said, 'what is 17 * 23?');
  await page.waitForSelector('#title:text-is("what is 17 * 23?")');
});

test('steps are seen while they happen, and a run is stopped', async (t) => {
  const page = await device(t, 'live-steps');
  await page.selectOption('#agent', 'playbook');
  await say(page, kOrder);
  await page.waitForFunction(() => { // all of it at one moment
    const turn = document.querySelector('.turn[data-state="running"]:has(.steps[open] li.busy)');
    return /^Using /.test(turn?.querySelector('summary').textContent ?? '') && turn.querySelector('.buttons button')?.checkVisibility();
  });
  const [done] = await done_turns(page, 1);
  assert.equal(done.answer, "Okay I'll get right on that is this order correct?");
  assert.match(await page.textContent('summary'), /^Used 4 tools for /);
  assert.equal(await page.locator('.buttons button').count(), 0);

  await page.click('#new_thread');
  await say(page, kOrder);
  await page.waitForSelector('.turn[data-state="running"]');
  await page.click('text=Stop');
  await page.waitForSelector('.turn[data-state="cancelled"]');
  assert.match((await turns(page))[0].end, /^Stopped/);
  await until(async () => /Stopped/.test(await page.textContent('#say')), 'word of it to screen readers');
});

test('what is refused says why, and can be tried again or thrown away', async (t) => {
  const page = await device(t, 'refused');
  await page.selectOption('#agent', 'nobody');
  await say(page, 'hello?');
  await page.waitForSelector('.turn[data-state="rejected"]');
  assert.match((await turns(page))[0].end, /not taken: .*unknown_agent/);
  await page.click('text=Discard');
  assert.deepEqual(await turns(page), []);
});

test('what is larger than this service takes goes back to the box with what it says', async (t) => {
  const page = await device(t, 'too large');
  await say(page, 'ä'.repeat(kContentBytesMax / 2 + 1));
  await page.waitForSelector('#composer_fault:not(:empty)');
  assert.equal(await page.textContent('#composer_fault'),
    `This message has ${kContentBytesMax + 2} bytes; the most is ${kContentBytesMax}. Send it in parts.`);
  assert.deepEqual(await turns(page), []);
  await page.reload();
  await is_live(page);
  assert.equal((await page.inputValue('#message')).length, kContentBytesMax / 2 + 1);
  await page.waitForSelector('#empty', {state: 'visible'});
  assert.deepEqual(await turns(page), []);
  // Where something else was written meanwhile, it is shown as what was not sent.
  await page.evaluate(() => {
    document.getElementById('composer').requestSubmit();
    document.getElementById('message').value = 'something else';
  });
  await page.waitForSelector('.turn[data-state="refused"]');
  assert.match((await turns(page))[0].end, /^Not sent: content must have at most/);
  assert.equal(await page.inputValue('#message'), 'something else');
  await page.click('text=Discard');
  await say(page, 'ä'.repeat(kContentBytesMax / 2));
  await done_turns(page, 1);
  assert.equal(await page.textContent('#composer_fault'), '');
});

test('two windows and another device of one user are in step; another thread is marked unread', async (t) => {
  const one = await device(t, 'two-tabs');
  const two = await open_page(one.context(), network.address, new URL(one.url()).hash.replace(/^/, '/'));
  await is_live(two);
  const phone = await device(t, 'two-tabs', {viewport: {width: 390, height: 780}});
  await ask(one, 'what is 1 + 1?');
  await done_turns(two, 1);
  await ask(two, 'what is 2 + 2?');
  assert.deepEqual(await done_turns(one, 2), await turns(two));

  await phone.click('#menu');
  await phone.click('#thread_list button:has-text("what is 1 + 1?")');
  assert.deepEqual(await done_turns(phone, 2), await turns(one));

  await one.click('#new_thread');
  await ask(two, 'what is 3 + 3?');
  const entry = one.locator('#thread_list li', {hasText: 'what is 1 + 1?'});
  await entry.locator('.unread', {hasText: '1 new'}).waitFor();
  assert.match(await one.title(), /^\(1\)/);
  await entry.locator('button').click();
  await done_turns(one, 3);
  await entry.locator('.unread').waitFor({state: 'hidden'});
  await one.goBack();
  await until(async () => (await turns(one)).length === 0, 'the empty thread');
});

async function offline_story(t, user, with_other) {
  const page = await device(t, user);
  await ask(page, 'what is 1 + 1?');
  const address = new URL(page.url()).hash;
  const other = await open_page(page.context(), network.address, `/${address}`);
  await done_turns(other, 1);
  network.allow(false);
  await page.waitForSelector('#banner:not([hidden])');
  assert.match(await page.textContent('#banner_text'), /^Not connected: the service cannot be reached\./);
  await until(async () => /^Next try in \d+ s\.$/.test(await page.textContent('#banner_wait')), 'count-down');
  await say(page, 'what is 2 + 2?');
  await say(page, 'what is 3 + 3?');
  await page.waitForSelector('.turn[data-state="unsent"] >> nth=1');
  await other.waitForSelector('.turn[data-state="unsent"] >> nth=1');
  if (with_other) await page.close();
  else await Promise.all([page.close(), other.close()]);
  network.allow(true);
  const later = with_other ? other : await open_page(page.context(), network.address, `/${address}`);
  await is_live(later);
  const all = ['what is 1 + 1?', 'what is 2 + 2?', 'what is 3 + 3?'];
  assert.deepEqual((await done_turns(later, 3)).map(({said}) => said), all);
  const token = service.token(user);
  const {events} = await (await fetch(`http://${service.address}/v1/history?limit=1000`,
    {headers: {Authorization: `Bearer ${token}`}})).json();
  const received = events.filter(({type}) => type === 'message_received').map(({data}) => data.content);
  assert.deepEqual(received.sort(), all);
  assert.deepEqual(events.filter(({type}) => type === 'message_duplicate'), []);
  assert.deepEqual(await later.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('unsent'))), []);

  network.allow(false);
  await later.waitForSelector('#status[data-state="waiting"]');
  await say(later, 'what is 4 + 4?');
  network.allow(true);
  await later.dispatchEvent('#try_now', 'click');
  assert.equal((await done_turns(later, 4)).at(-1).answer, '4 + 4 = 8');
  await later.waitForSelector('#banner', {state: 'hidden'});
}

test('offline: the reason is said; what is written in a window that is closed is sent once by the next one', (t) =>
  offline_story(t, 'offline', false));
test('offline: what is written in a window that is closed is sent once by another one', (t) =>
  offline_story(t, 'offline-too', true));

test('a device that is offline says so, and is back when it is online', async (t) => {
  const page = await device(t, 'no-network');
  await ask(page, 'what is 1 + 1?');
  await page.context().setOffline(true);
  network.cut(); // the browser leaves open sockets open
  await page.waitForSelector('#banner_text:text-is("Not connected: this device is offline. What you write is kept and sent later.")');
  await until(async () => /Connection lost: this device is offline/.test(await page.textContent('#say')), 'word of it to screen readers');
  await say(page, 'what is 2 + 2?');
  await page.waitForSelector('.turn[data-state="unsent"]');
  await page.context().setOffline(false);
  await is_live(page);
  assert.deepEqual((await done_turns(page, 2)).map(({answer}) => answer), ['1 + 1 = 2', '2 + 2 = 4']);
  await page.waitForSelector('#banner', {state: 'hidden'});
});

test('a page outlives kill -9 of the service: nothing is lost, nothing is doubled', async (t) => {
  const page = await device(t, 'killed');
  await page.selectOption('#agent', 'playbook');
  await say(page, kOrder);
  await page.waitForSelector('li.busy');
  await service.end('SIGKILL');
  await page.waitForSelector('#banner:not([hidden])');
  await page.selectOption('#agent', 'assistant');
  await say(page, 'what is 5 + 5?');
  await service.start();
  const shown = await done_turns(page, 2);
  assert.deepEqual(shown.map(({answer}) => answer), ["Okay I'll get right on that is this order correct?", '5 + 5 = 10']);
  assert.match(await page.locator('.steps').first().textContent(), /Used 4 tools/);
  await open_steps(page);
  assert.match(await page.locator('.steps').first().textContent(), /Interrupted, and taken up again/);
  const live = await turns(page);
  await page.reload();
  assert.deepEqual(await done_turns(page, 2), live);
});

const kHostile = {
  html: '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><b>bold</b>&amp;',
  link: 'javascript:window.hacked=1 data:text/html,<script>window.hacked=1</script>',
  'right to left': 'safe \u202egnp.exe\u202c \u2067\u05e9\u05dc\u05d5\u05dd\u2069 \u0645\u0631\u062d\u0628\u0627 (end)',
  emoji: '\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u{1f1e9}\u{1f1ea} e\u0301\u0301\u0301\u0301',
  'null bytes': 'a\0b\x1b[31mc\x7fd',
  'a line of 32 KiB': 'x'.repeat(32_768),
  template: '${window.hacked=1} {{constructor.constructor("window.hacked=1")()}} __proto__',
};

test('hostile words are text: in messages, titles, steps and answers', async (t) => {
  const page = await device(t, 'hostile <b>&\u202e user');
  assert.equal(await page.textContent('#who'), 'hostile <b>&\u202e user');
  for (const [name, words] of Object.entries(kHostile)) {
    await page.click('#new_thread');
    // Said by script where no keyboard could type it.
    await page.evaluate((text) => { document.getElementById('message').value = text; }, words);
    await page.click('#send', {force: true}).catch(() => {});
    await page.press('#message', 'Enter');
    const [turn] = await done_turns(page, 1);
    const shown = words.replace('\0', '\u2400').replace('\x1b', '\u241b').replace('\x7f', '\u2421');
    assert.equal(turn.said, shown, name);
    assert.equal(await page.textContent('#title'), shown.slice(0, 200), name);
    assert.equal(await scrolls_sideways(page), false, name);
  }
  // A tool that gives them back: they come as arguments, results and answers too.
  await page.click('#new_thread');
  const answered = await ask(page, 'reverse "<img src=x onerror=alert(1)>"');
  assert.match(answered.answer, />/);
  await open_steps(page);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.evaluate(() => document.querySelectorAll('#chat img, #chat script, #chat b:not(.steps b)').length), 0);
  assert.equal(await page.evaluate(() => ({}).hacked), undefined);
  const isolated = await page.evaluate(() => [...document.querySelectorAll('.said .text, .first, #who')]
    .every((node) => node.tagName === 'BDI' || getComputedStyle(node).unicodeBidi === 'plaintext'));
  assert.equal(isolated, true);
});

test('a pasted token signs in; one that is not valid is refused with the reason', async (t) => {
  const page = await open_page(await context_of(t, browser), network.address);
  await page.click('#other_way');
  const is_refused = async (token, why) => {
    await page.fill('#token', token);
    await page.keyboard.press('Enter');
    await page.waitForSelector(`#sign_in_fault:text-is("This is no token: ${why}")`);
  };
  for (const torn of ['nonsense', 'a.?.c', 'a.eyJz.c', 'a.bnVsbA.c'])
    await is_refused(torn, 'paste all of it, three parts with points between them');
  await is_refused('a.e30.c', 'it names no user. Ask for another one');
  await page.fill('#token', service.token('pasted', -100));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sign_in_fault:has-text("You could not be signed in")');
  await page.click('#other_way');
  await page.fill('#token', service.token('pasted'));
  await page.keyboard.press('Enter');
  await is_live(page);
  assert.equal(await page.textContent('#who'), 'pasted');
  assert.equal(await page.evaluate(() => localStorage.getItem('signalbox.session')), null);
  await page.click('#sign_out');
  await page.waitForSelector('#sign_in');
  assert.equal(await page.isVisible('#chat'), false);
});

test('signing in where a proxy answers for the service says so, in words', async (t) => {
  const page = await open_page(await context_of(t, browser), network.address);
  const answers = [[502, '<html>Bad Gateway</html>'], [200, '<html>Welcome</html>'], [503, '{"error":{"message":"too many ask"}}']];
  await page.route('**/dev/token', (route) => {
    const [status, body] = answers.shift() ?? [];
    return body ? route.fulfill({status, body}) : route.continue();
  });
  await page.fill('#name', 'behind a proxy');
  for (const why of ['something else answered for the service (502): try again',
    'something else answered for the service (200): try again', 'too many ask']) {
    await page.keyboard.press('Enter');
    await page.waitForSelector(`#sign_in_fault:text-is("You could not be signed in: ${why}")`);
  }
  await page.keyboard.press('Enter');
  await is_live(page);
  assert.deepEqual(page.faults, []);
});
