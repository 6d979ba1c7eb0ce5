// The audit page of a running service, as an auditor uses it: signing in, finding a user, his timeline,
// runs, state, verification, export and who looked; hostile words, and a service that is killed. Run
// by `node audit_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {after, before, test} from 'node:test';

import {all_filled, fault, go, open_audit, place, rows, rows_that, scrolls_sideways, sign_in_auditor} from './audit_page.mjs';
import {context_of, launch_browser} from './chat_page.mjs';
import {converse} from './made_history.mjs';
import {Service, until} from './service.mjs';

const kHostile = {
  html: '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><b>bold</b>&amp;',
  link: 'javascript:window.hacked=1 data:text/html,<script>window.hacked=1</script>',
  'right to left': 'safe \u202egnp.exe\u202c \u2067\u05e9\u05dc\u05d5\u05dd\u2069 \u0645\u0631\u062d\u0628\u0627 (end)',
  emoji: '\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u{1f1e9}\u{1f1ea} e\u0301\u0301\u0301\u0301',
  'null bytes': 'a\0b\x1b[31mc\x7fd',
  'a line of 32 KiB': 'x'.repeat(32_768),
  template: '${window.hacked=1} {{constructor.constructor("window.hacked=1")()}} __proto__',
};
const kHostileUser = 'mallory <b>&\u202e user';

let service;
let browser;
before(async () => {
  service = await new Service({SIGNALBOX_LIMITS_MESSAGES_PER_SECOND: '1000', SIGNALBOX_LIMITS_MESSAGES_BURST: '1000'}).start();
  browser = await launch_browser();
  await converse(service, 'anna', 't-sums', ['what is 17 * 23?', 'what is 2 + 2?']);
  await converse(service, 'anna', 't-words', ['Is racecar a palindrome?']);
  await converse(service, 'anton', 't-1', ['help']);
  await converse(service, 'berta', 't-1', ['help']);
  await converse(service, kHostileUser, 't-<i>', Object.values(kHostile));
});
after(async () => {
  await browser?.close();
  await service?.remove();
});

/** A page of a signed in auditor at this place. */
async function auditor(t, of = {}, options = {}) {
  const page = await open_audit(await context_of(t, browser, options), service.address, of);
  t.after(() => assert.deepEqual(page.faults, []));
  await sign_in_auditor(page);
  return page;
}

/** A port of this machine that nobody has. */
async function free_port() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((then) => { server.once('listening', then); });
  const {port} = server.address();
  await new Promise((then) => { server.close(then); });
  return port;
}

test('the page is on the admin port alone, and as fenced in as the chat page', async (t) => {
  const admin = `127.0.0.1:${await free_port()}`;
  const other = await new Service({SIGNALBOX_GATEWAY_ADMIN_LISTEN: admin}).start();
  t.after(() => other.remove());
  const html = await (await fetch(`http://${admin}/audit`)).text();
  const paths = ['/audit', ...[...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path)];
  assert.ok(paths.length > 5);
  assert.match(html, /data-sign-in="token"/); // there is no /dev/token beside it
  assert.match(await (await fetch(`http://${service.address}/audit`)).text(), /data-sign-in="name"/);
  for (const path of new Set(paths)) {
    const got = await fetch(`http://${admin}${path}`);
    assert.equal(got.status, 200, path);
    const policy = got.headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
    assert.match(policy, /require-trusted-types-for 'script'; trusted-types 'none'/);
    assert.doesNotMatch(policy, /unsafe|http|\*/);
    const is_shared = ['/chat.css', '/signalbox_page.js'].includes(path);
    assert.equal((await fetch(`http://${other.address}${path}`)).status, is_shared ? 200 : 404, path);
  }
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style| style=| on\w+=/);
});

test('who is no auditor is told what to do; a token that is over too; then the right one lets in', async (t) => {
  const page = await open_audit(await context_of(t, browser), service.address, {user: 'anna'});
  await page.click('#other_way');
  await page.fill('#token', 'nonsense');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sign_in_fault:has-text("This is no token")');
  await page.fill('#token', service.token('carl'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sign_in_fault:has-text("does not have the role auditor. Ask the operator")');
  assert.equal(await page.isVisible('#audit'), false);
  await page.fill('#token', service.token('carl', -100, ['auditor']));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sign_in_fault:has-text("the token has expired. Ask for a new one")');
  await page.fill('#token', service.token('carl', 3600, ['auditor']));
  await page.keyboard.press('Enter');
  await rows_that(page, ({length}) => length > 0, 'of the user in the address');
  assert.equal(await page.textContent('#who'), 'carl');
  assert.match(await page.textContent('.recorded'), /Every look is recorded\./);
  assert.equal(await page.evaluate(() => localStorage.getItem('signalbox.auditor')), null);
  await page.click('#sign_out');
  await page.waitForSelector('#sign_in', {state: 'visible'});
  assert.deepEqual(page.faults, []);
});

/** Answers an API path with these, the last one for ever, and counts: [status, json]. */
async function play(page, path, answers) {
  const played = {asked: []}; // with before_again: what the second answer waits for
  await page.route((url) => url.pathname === path, async (route) => {
    const [status, json] = answers[Math.min(played.asked.length, answers.length - 1)];
    played.asked.push(new URL(route.request().url()).search);
    if (played.asked.length > 1) await played.before_again;
    return route.fulfill({status, json});
  });
  return played;
}
const problem = (code, message) => ({error: {code, message}});

test('where users cannot be listed, somebody is let in all the same, and asks again when he wants', async (t) => {
  const page = await open_audit(await context_of(t, browser), service.address, {user: 'anna', tab: 'timeline'});
  const busy = [503, problem('log_unavailable', 'the archive is behind')];
  const list = await play(page, '/v1/audit/users', [busy, busy, [200, {users: []}]]);
  await sign_in_auditor(page);
  await rows_that(page, ({length}) => length > 0, 'of the user in the address');
  await page.waitForSelector('#found:text-is("Users could not be listed: the archive is behind")');
  assert.equal(list.asked.length, 1);
  await page.click('#more_users:text-is("Try again")');
  await until(() => list.asked.length === 2, 'second try');
  await page.waitForSelector('#found:text-is("Users could not be listed: the archive is behind")');
  await page.focus('#prefix');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#found:text-is("There is no user yet.")');
  assert.equal(await page.isVisible('#more_users'), false);
  assert.equal(list.asked.length, 3);
  assert.equal(await page.isVisible('#banner'), false);
  assert.deepEqual(page.faults, []);
});

test('an answer that is final is told, and not asked for again', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'timeline'});
  const state = await play(page, '/v1/audit/users/anna/state', [[413, problem('too_large', 'the state is too large')]]);
  await go(page, {user: 'anna', tab: 'state'});
  await page.waitForSelector('#fault:text-is("This state could not be read: the state is too large")');
  const runs = await play(page, '/v1/audit/users/anna/runs', [[503, problem('overloaded', 'this took too long')]]);
  let go_on;
  runs.before_again = new Promise((then) => { go_on = then; });
  await go(page, {user: 'anna', tab: 'runs'});
  await page.waitForSelector('#banner:has-text("This took too long. Trying again in")');
  go_on();
  await page.waitForSelector('#fault:text-is("These runs could not be read: this took too long")');
  assert.equal(await page.isVisible('#banner'), false);
  await page.route('**/v1/audit/users/anna/views**', (route) => route.fulfill({contentType: 'text/html', body: '<html>Sign in to the network</html>'}));
  await go(page, {user: 'anna', tab: 'views'});
  await page.waitForSelector('#fault:has-text("something else answered for the service (200): load this page anew")');
  await go(page, {user: 'anna', tab: 'timeline'});
  assert.deepEqual([state.asked.length, runs.asked.length], [1, 2]);
});

test('users and views say what is not among them', async (t) => {
  const incomplete = [{partition: 3, complete_to: {offset: 1200, epoch: 1, ownerseq: 9}}, {partition: 5, complete_to: {offset: 0, epoch: 0, ownerseq: 0}},
    {partition: 7, complete_to: {offset: 0, epoch: 0, ownerseq: 0}, reason: 'archive_damaged'}];
  const page = await open_audit(await context_of(t, browser), service.address);
  const user = {user_id: 'anna', partition: 1, events: 2, newest_seq: 2, newest_time: '2026-11-20T09:30:00.000000Z'};
  await play(page, '/v1/audit/users', [[200, {users: [user], incomplete}], [200, {users: [], incomplete}], [200, {users: [user]}]]);
  await play(page, '/v1/audit/users/anna/views', [[200, {views: [], incomplete}]]);
  await sign_in_auditor(page);
  const gap = 'Not everything is here: partition 3 only up to its offset 1,200, partition 5 only up to its offset 0, ' +
    'nothing of partition 7 (its archive is damaged and is made anew from the log; look again in a while).';
  await page.waitForSelector(`#found:text-is("1 user. ${gap}")`);
  await page.fill('#prefix', 'b');
  await page.waitForSelector(`#found:text-is("No user was found. ${gap}")`);
  await page.fill('#prefix', 'a');
  await page.waitForSelector('#found:text-is("1 user")');
  await go(page, {user: 'anna', tab: 'views'});
  await page.waitForSelector(`[aria-label="Views"] [role=status]:text-is("No look was found. ${gap}")`);
  assert.deepEqual(page.faults, []);
});

// Empty pages come after 10,000 events that a filter takes none of: these are played.
test('newer events: empty pages are gone through, and "no newer" is said only where it is known', async (t) => {
  const page = await auditor(t);
  const path = '/v1/audit/users/anna/events';
  const answer = (seqs, next) => [200, {user_id: 'anna', partition: 1, complete_to: {offset: 9, epoch: 1, ownerseq: 9},
    events: seqs.map((seq) => ({seq, offset: seq, time: '2026-11-20T09:30:00.000000Z', type: 'agent_started', id: `${seq}`, chain: '', data: {}})),
    next: next && `${path}?after_seq=${next}&type=agent_started&limit=100`}];
  const empty = Array.from({length: 10}, (_, i) => answer([], 300 + i));
  const {asked} = await play(page, path, [answer([]), answer([7]), answer([], 100), answer([], 200), answer([201], 201), ...empty,
    answer([], 400), answer([])]);
  const told = (text) => until(async () => (await page.textContent('#say')).endsWith(text), async () => `${text}; ${await page.textContent('#say')}`);
  await go(page, {user: 'anna', tab: 'timeline', type: 'agent_failed'});
  await page.waitForSelector('text=There is no such event.');
  assert.equal(await page.isVisible('text=Look for newer events'), false);
  await go(page, {user: 'anna', tab: 'timeline', type: 'agent_started'});
  await page.click('text=Look for newer events');
  await told('1 newer event, and there may be more');
  assert.deepEqual((await rows(page)).map(({seq}) => seq), [201, 7]);
  await page.click('text=Look for newer events');
  await told('No newer event so far. Look again to go on.');
  await page.click('text=Look for newer events');
  await told('There are no newer events.');
  const after = asked.slice(2).map((query) => Number(new URLSearchParams(query).get('after_seq')));
  assert.deepEqual(after, [7, 100, 200, 201, 300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 400]);
});

test('a user is found by the begin of his id', async (t) => {
  const page = await auditor(t);
  await page.fill('#prefix', 'an');
  await page.waitForSelector('#found:has-text("2 users")');
  assert.deepEqual(await page.locator('#user_list .gist').allTextContents(), ['anna', 'anton']);
  await page.fill('#prefix', 'nobody at all');
  await page.waitForSelector('#found:has-text("No user id begins so.")');
  await page.fill('#prefix', 'ann');
  await page.click('#user_list a');
  await rows_that(page, ([first]) => first?.gist.includes('palindrome'), 'of anna');
  assert.equal(await page.getAttribute('#user_list a', 'aria-current'), 'true');
  assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(1)).get('user'), 'anna');
});

test('the timeline shows each event, is filtered, and is where its address says', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'timeline'});
  const all = await rows_that(page, (shown) => shown.at(-1)?.seq === 1, 'down to the first');
  assert.deepEqual(all.map(({seq}) => seq), all.map((_, i) => all.length - i));
  await page.click('.timeline .event >> nth=-1');
  const detail = page.locator('.event[open] .detail');
  assert.match(await detail.textContent(), /what is 17 \* 23\?.*chain hash[0-9a-f]{64}/);
  assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(1)).get('seq'), '1');

  await detail.getByText('Only this thread').click();
  const of_thread = await rows_that(page, (shown) => shown.length > 0 && shown.length < all.length, 'of one thread');
  assert.deepEqual(of_thread, all.filter(({thread}) => thread === 't-sums'));
  await page.click('.filter-box > summary');
  await page.selectOption('[name=type]', 'tool_executing');
  await page.keyboard.press('Tab');
  await page.click('.filters button:has-text("Filter")');
  const tools = await rows_that(page, (shown) => shown.length === 2, 'of tools');
  assert.deepEqual(tools.map(({kind}) => kind), ['tool executing', 'tool executing']);
  assert.match(tools[1].gist, /^calculator \{"expression":"17 \* 23"\}/);
  await page.goBack();
  await rows_that(page, (shown) => shown.length === of_thread.length, 'as before');

  const middle = all[Math.floor(all.length / 2)];
  const linked = await open_audit(page.context(), service.address, {user: 'anna', tab: 'timeline', seq: middle.seq});
  await linked.waitForSelector(`.event[open] .seq:text-is("${middle.seq}")`);
  assert.equal(await linked.evaluate(() => document.activeElement.querySelector('.seq')?.textContent), String(middle.seq));
});

test('what cannot be read is said, with the field, and nothing else pretends to be there', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'timeline', type: 'no_such_type'});
  await page.waitForSelector('#fault:has-text("These events could not be read:")');
  assert.match(await fault(page), /\(type\)$/);
  assert.deepEqual(await rows(page), []);
  assert.equal(await page.textContent('.timeline > .row > .muted'), '');
  await go(page, {user: 'anna', tab: 'timeline'});
  await rows_that(page, ({length}) => length > 0, 'of all types');
  assert.equal(await fault(page), '');
});

test('time filters, in the time of the one who looks', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'timeline'}, {timezoneId: 'Asia/Tokyo'});
  await rows_that(page, (shown) => shown.at(-1)?.seq === 1, 'down to the first');
  const times = await page.locator('.event time').evaluateAll((nodes) => nodes.map(({dateTime}) => dateTime));
  const [from] = times.toSorted().slice(-3);
  await go(page, {user: 'anna', tab: 'timeline', from});
  await rows_that(page, (shown) => shown.length > 0 && shown.length < times.length, 'from then on');
  assert.equal((await rows(page)).length, times.filter((time) => time >= from).length);
  await page.click('.filter-box > summary');
  const hour = await page.inputValue('[name=from]');
  assert.equal(new Date(`${hour}+09:00`).getTime(), Date.parse(from));

  // What nobody changed stays as it was, to the microsecond; what somebody wrote is of his place.
  const wanted = () => new URLSearchParams(new URL(page.url()).hash.slice(1));
  await page.fill('[name=to]', '2099-12-31T09:00:01.512');
  await page.click('.filters button:has-text("Filter")');
  await until(() => wanted().get('to') === '2099-12-31T00:00:01.512000Z', async () => `filter; ${page.url()}`);
  await page.waitForSelector('.chip:has-text("until")'); // the form is filled anew
  assert.equal(wanted().get('from'), from);
  await rows_that(page, ({length}) => length === times.filter((time) => time >= from).length, 'from then on');
  await page.fill('[name=to]', '');
  await page.click('.filters button:has-text("Filter")');
  await until(() => !wanted().has('to'), async () => `no filter; ${page.url()}`);
  assert.equal(wanted().get('from'), from);
});

test('hostile words are text, wherever they stand', async (t) => {
  const page = await auditor(t, {user: kHostileUser, tab: 'timeline'});
  await rows_that(page, (shown) => shown.at(-1)?.seq === 1, 'down to the first');
  assert.equal(await page.textContent('#user'), kHostileUser);
  for (const summary of await page.locator('.event > summary').all()) await summary.click();
  await page.waitForSelector('.event:not(:has(.detail))', {state: 'detached'});
  const boxes = await page.locator('.detail .value, .detail dd').allTextContents();
  for (const [name, words] of Object.entries(kHostile)) {
    const shown = words.replace('\0', '\u2400').replace('\x1b', '\u241b').replace('\x7f', '\u2421');
    assert.ok(boxes.includes(shown), name);
  }
  assert.equal(await scrolls_sideways(page), false);
  for (const tab of ['runs', 'state', 'views']) {
    await page.click(`.tabs a[href*="tab=${tab}"]`);
    await page.waitForSelector(`.view section[aria-label="${tab[0].toUpperCase()}${tab.slice(1)}"] :is(.run-row, .known, .view-row)`);
    await all_filled(page);
    assert.equal(await scrolls_sideways(page), false, tab);
  }
  await go(page, {user: kHostileUser, tab: 'runs'});
  await page.locator('.run-row').last().click();  // of the first message
  await page.waitForSelector('.causes .event');
  for (const summary of await page.locator('.causes .event > summary').all()) await summary.click();
  await page.waitForSelector('.causes .event:not(:has(.detail))', {state: 'detached'});
  assert.ok((await page.locator('.causes .detail :is(.value, dd)').allTextContents()).includes(kHostile.html));
  assert.equal(await scrolls_sideways(page), false, 'the tree');
  await go(page, {user: kHostileUser, tab: 'state', at: '1', with: '9'});
  await page.waitForSelector('.differences');
  assert.ok((await page.textContent('.differences')).includes(JSON.stringify(kHostile.link)));
  assert.equal(await scrolls_sideways(page), false, 'differences');
  await go(page, {user: kHostileUser, tab: 'export'});
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download')]);
  assert.doesNotMatch(download.suggestedFilename(), /[<>/\u202e]/);
  assert.match(await verdict(page, kHostileUser), /The record is whole/);
  assert.equal(await scrolls_sideways(page), false, 'verdict');
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.evaluate(() => document.querySelectorAll('#audit :is(img, script, i)').length), 0);
  assert.ok(await page.evaluate(() => [...document.querySelectorAll('.gist, #user')].every(({tagName}) => tagName === 'BDI')));
});

test('a run is a tree of cause and effect with durations', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'runs'});
  await page.waitForSelector('.run-row >> nth=2');
  assert.equal(await page.locator('.run-row').count(), 3);
  assert.match(await page.locator('.run-row').first().textContent(), /completed.*assistant.*\d m?s/);
  await page.locator('.run-row').last().click();
  await page.waitForSelector('.causes .event');
  const depths = await page.locator('.causes .cause').evaluateAll((nodes) => nodes.map((node) => {
    let depth = 0;
    for (let up = node.closest('ol'); up; up = up.parentElement.closest('ol')) depth++;
    return [depth, node.querySelector('.kind').textContent];
  }));
  const depth_of = (kind) => depths.find(([, name]) => name === kind)?.[0];
  assert.equal(depths[0][1], 'message received');
  assert.ok(depth_of('tool executing') > depth_of('message received'), JSON.stringify(depths));
  assert.ok(depth_of('tool completed') > depth_of('tool executing'), JSON.stringify(depths));
  const tool = page.locator('.cause', {hasText: 'tool executing'});
  assert.match(await tool.locator('.lasted').textContent(), /^[\d.]+ m?s$/);
  await tool.locator('summary').click();
  assert.match(await tool.locator('.detail').textContent(), /\{"expression":"17 \* 23"\}/);
  await go(page, {user: 'anna', tab: 'runs', run: '00000000-0000-4000-8000-000000000000'});
  await page.waitForSelector('#fault:has-text("This run could not be read")');
});

test('what was known at an instant, and what is different at another one', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'state', at: '3'});
  await page.waitForSelector('.answer h2:has-text("After event 3,")');
  await page.waitForSelector('.answer .known:has-text("running")');
  await page.click('text=One event earlier');
  await page.waitForSelector('.answer h2:has-text("After event 2,")');
  await page.fill('[name=at]', '3');
  await page.fill('[name=with]', '7');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.differences');
  const found = await page.locator('.differences tbody tr').evaluateAll((list) =>
    list.map((row) => [...row.children].map(({textContent}) => textContent)));
  const status = found.find(([path]) => path.endsWith('.status'));
  assert.deepEqual(status.slice(1), ['running', 'completed']);
  await page.fill('[name=at]', 'yesterday');
  await page.fill('[name=with]', '');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#fault:has-text("must be a seq like 17 or a time like")');
});

test('one event later than the newest is the newest, however often somebody asks', async (t) => {
  const page = await auditor(t, {user: 'anton', tab: 'state'});
  await page.waitForSelector('.answer h2:has-text("After event")');
  const newest = Number(/After event (\d+),/.exec(await page.textContent('.answer h2'))[1]);
  const asked = () => page.requests.filter((url) => url.endsWith(`/state?at=${newest + 1}`)).length;
  for (let i = 1; i <= 3; i++) {
    await page.click('text=One event later');
    await until(() => asked() === i, () => `look ${i} for a later event; ${page.requests.slice(-5)}`);
    await page.waitForSelector(`#fault:text-is("There is no event ${newest + 1} yet; this is the newest.")`);
    await page.waitForSelector(`.answer h2:has-text("After event ${newest},")`);
    assert.equal(await page.inputValue('[name=at]'), String(newest));
    assert.equal(new URL(page.url()).hash, place({user: 'anton', tab: 'state', at: newest}));
  }
  await page.click('text=One event earlier');
  await page.waitForSelector(`.answer h2:has-text("After event ${newest - 1},")`);
  assert.equal(await fault(page), '');
});

test('an export is saved, and verifies with nothing but the file and the key', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'export'});
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download')]);
  const file = join(service.folder, 'export.jsonl');
  await download.saveAs(file);
  await page.waitForSelector('.parts li:has-text("seq 1 to")');
  const {status, stdout} = spawnSync(process.env.SIGNALBOX_PROGRAM, ['replay', 'verify', '--export', file,
    '--key', join(service.folder, 'data', 'anchors', 'anchor.pub')],
  {encoding: 'utf8', env: {PATH: process.env.PATH}});  // replay reads SIGNALBOX_* as settings
  assert.match(stdout, /whole: \d+ events, seq 1 to /);
  assert.equal(status, 0);
});

// Parts are of 16 MiB: these are played.
test('an export in parts: the next one, then all others, each by the link of the one before', async (t) => {
  const page = await auditor(t);
  const asked = [];
  await page.route('**/v1/audit/users/anna/export**', (route) => {
    const url = new URL(route.request().url());
    const first = Number(url.searchParams.get('first_seq') ?? 1);
    asked.push(first);
    const headers = {'Content-Type': 'application/x-ndjson', 'Content-Disposition': `attachment; filename="anna-${first}.jsonl"`};
    if (first < 301) headers.Link = `<${url.pathname}?first_seq=${first + 100}>; rel="next"`;
    return route.fulfill({headers, body: `${JSON.stringify({first_seq: first, last_seq: first + 99, anchors: []})}\n`});
  });
  await go(page, {user: 'anna', tab: 'export'});
  const saved = [];
  page.on('download', (download) => saved.push(download.suggestedFilename()));
  await page.click('button:text-is("Download")');
  await page.waitForSelector('.parts li:has-text("seq 1 to 100, no anchor yet")');
  await page.click('button:text-is("Download part 2")');
  await page.waitForSelector('.parts li >> nth=1');
  await page.click('text=Download all further parts');
  await page.waitForSelector('text=That is all of it: 4 files.');
  await until(() => saved.length === 4, () => `four files; ${saved}`);
  assert.deepEqual(saved, ['anna-1.jsonl', 'anna-101.jsonl', 'anna-201.jsonl', 'anna-301.jsonl']);
  assert.deepEqual(asked, [1, 101, 201, 301]);
});

test('a token that ends leads back to signing in, which goes on at the same place', async (t) => {
  const page = await open_audit(await context_of(t, browser), service.address, {user: 'anna', tab: 'timeline'});
  const paste = async () => {
    if (await page.isVisible('#name')) await page.click('#other_way');
    await page.fill('#token', service.token('carl', 3600, ['auditor']));
    await page.keyboard.press('Enter');
  };
  await paste();
  await rows_that(page, ({length}) => length > 0, 'of anna');
  await page.route('**/v1/audit/**', (route) => route.fulfill({status: 403,
    json: {error: {code: 'token_invalid', message: 'the token has expired', field: 'Authorization'}}}));
  await go(page, {user: 'anton', tab: 'runs'});
  await page.waitForSelector('#sign_in_fault:has-text("You were signed out: the token has expired. Ask for a new one")');
  await page.unroute('**/v1/audit/**');
  await paste();
  await page.waitForSelector('.run-row');
  assert.equal(await page.textContent('#user'), 'anton');
});

test('views tell who looked, and each look is in the history of the one who took it', async (t) => {
  const page = await auditor(t, {user: 'berta', tab: 'timeline'});
  await rows_that(page, ({length}) => length > 0, 'of berta');
  await page.click('.tabs a:has-text("Views")');
  await until(async () => { // what is looked at is an event a little later
    if (/auditorthe timeline/.test(await page.textContent('.views'))) return true;
    await page.reload({waitUntil: 'networkidle'});
    return false;
  }, 'look at the timeline');
  await page.click('#own_looks');
  const looks = await rows_that(page, (shown) => shown.some(({gist}) => gist.startsWith('berta: the timeline')), 'of looks');
  assert.ok(looks.every(({kind}) => kind === 'history viewed'));
});

const verdict = async (page, user) => {
  await go(page, {user, tab: 'verify'});
  await page.waitForSelector(`#user:text-is("${user}")`);
  await page.waitForSelector('.verdict', {state: 'detached'});
  await page.click('text=/^Verify (this record|again)$/');
  await page.waitForSelector('.verdict');
  return page.textContent('.verdict-box');
};

/** Changes the newest event of a user that has the word, behind the back of a service that is down. */
function damage(user) {
  const change = `import sqlite3,sys
log = sqlite3.connect(sys.argv[1])
row = log.execute("select id, value from records where key = ? and instr(value, cast('help' as blob)) order by id desc", (sys.argv[2].encode(),)).fetchone()
log.execute("update records set value = ? where id = ?", (row[1].replace(b"help", b"hemp"), row[0]))
log.commit()`;
  const {status, stderr} = spawnSync('/usr/bin/python3', ['-c', change, join(service.folder, 'data', 'log.db'), user], {encoding: 'utf8'});
  assert.equal(status, 0, stderr);
}

test('a verification says that the record is whole, or where it is damaged', async (t) => {
  const page = await auditor(t);
  assert.match(await verdict(page, 'anna'), /The record is whole/);
  const job = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('job');
  await page.reload(); // the verdict is at its address
  await page.waitForSelector('.verdict.whole');
  await service.end('SIGTERM');
  damage('berta');
  await service.start();
  await go(page, {user: 'anna', tab: 'verify', job: `${job}0`});
  await page.waitForSelector('#fault:has-text("no such verification of yours")');
  assert.match(await verdict(page, 'berta'), /The record is damaged.*row changed.*checksum/s);
});

// A real one of so few records is over before it is looked at: this one is played.
test('how far a verification is can be seen while it runs', async (t) => {
  const page = await auditor(t);
  const job = {job: 'played', state: 'running', done: 1250, total: 5000};
  await play(page, '/v1/audit/users/anna/verify/played', [[200, job]]);
  const progress = () => page.$eval('progress', ({hidden, value, max}) => ({hidden, value, max}));
  await go(page, {user: 'anna', tab: 'verify', job: 'played'});
  await page.waitForSelector('text="1,250 of 5,000 records"');
  assert.deepEqual(await progress(), {hidden: false, value: 1250, max: 5000});
  assert.equal(await page.isDisabled('text=Verify this record'), true);
  assert.equal(await page.locator('.verdict').count(), 0);
  job.done = 4999;
  await page.waitForSelector('text="4,999 of 5,000 records"');
  assert.deepEqual(await progress(), {hidden: false, value: 4999, max: 5000});
  Object.assign(job, {state: 'done', done: 5000, verdict: {whole: true, words: 'whole: played', findings: [], cannot_show: []}});
  await page.waitForSelector('.verdict.whole');
  await page.waitForSelector('text="5,000 records were read."');
  assert.equal((await progress()).hidden, true);
  assert.equal(await page.isDisabled('text=Verify again'), false);
});

test('a service that is killed is said to be, and what was asked comes once it is back', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'timeline'});
  await rows_that(page, ({length}) => length > 0, 'of anna');
  await service.end('SIGKILL');
  await page.click('#user_list a:has-text("anton")');
  await page.waitForSelector('#banner:has-text("The service cannot be reached. Trying again in")');
  await service.start();
  await page.dispatchEvent('#try_now', 'click'); // which may be hidden by then
  const [first] = await rows_that(page, ([newest]) => newest?.gist.length > 0, 'of anton');
  assert.equal(first.kind, 'agent completed');
  await page.waitForSelector('#banner', {state: 'hidden'});
  assert.equal(await fault(page), '');
  assert.equal(new URL(page.url()).hash, place({user: 'anton', tab: 'timeline'}));
});

// No timer ends a wait between tries here: only word that the device is online again does.
test('a device that is offline says so, and what was asked comes when it is online again', async (t) => {
  const context = await context_of(t, browser);
  await context.addInitScript(() => {
    const {setTimeout} = window;
    window.setTimeout = (then, ms, ...more) => (ms >= 500 ? 0 : setTimeout(then, ms, ...more));
  });
  const page = await open_audit(context, service.address, {user: 'anna', tab: 'timeline'});
  await sign_in_auditor(page);
  await rows_that(page, ({length}) => length > 0, 'of anna');
  await page.waitForSelector('#user_list a:has-text("anton")');
  await context.setOffline(true);
  await page.click('#user_list a:has-text("anton")');
  await page.waitForSelector('#banner:has-text("The service cannot be reached. Trying again in")', {state: 'visible'});
  assert.deepEqual(await rows(page), []);
  await context.setOffline(false);
  await rows_that(page, (shown) => shown.at(-1)?.gist === 'help', 'of anton');
  await page.waitForSelector('#banner', {state: 'hidden'});
  assert.equal(await fault(page), '');
  assert.equal(new URL(page.url()).hash, place({user: 'anton', tab: 'timeline'}));
  assert.deepEqual(page.faults, []);
});

test('two tabs of one auditor: signed in once, a place each, and one can be signed out', async (t) => {
  const one = await open_audit(await context_of(t, browser), service.address, {user: 'anna', tab: 'timeline'});
  await sign_in_auditor(one, 'two-tabs');
  const of_anna = await rows_that(one, (shown) => shown.at(-1)?.seq === 1, 'of anna');
  const two = await open_audit(one.context(), service.address, {user: 'anton', tab: 'timeline'});
  const of_anton = await rows_that(two, (shown) => shown.at(-1)?.gist === 'help', 'of anton');
  assert.equal(await two.textContent('#who'), 'two-tabs');
  assert.equal(await two.isVisible('#sign_in'), false);
  assert.deepEqual(await rows(one), of_anna);

  await go(one, {user: 'anna', tab: 'runs'});
  await one.waitForSelector('.run-row');
  assert.equal(new URL(two.url()).hash, place({user: 'anton', tab: 'timeline'}));
  assert.deepEqual(await rows(two), of_anton);
  await two.click('#own_looks');
  await until(async () => { // what is looked at is an event a little later
    const shown = await rows(two);
    if (['anna', 'anton'].every((user) => shown.some(({gist}) => gist.startsWith(`${user}: the timeline`)))) return true;
    await two.reload({waitUntil: 'networkidle'});
    return false;
  }, async () => `looks of both tabs; ${JSON.stringify(await rows(two)).slice(0, 1500)}`);

  await one.click('#sign_out');
  await one.waitForSelector('#sign_in', {state: 'visible'});
  await go(two, {user: 'anna', tab: 'runs'});
  await two.waitForSelector('.run-row');
  await two.reload();
  await two.waitForSelector('#sign_in', {state: 'visible'});
  assert.deepEqual([...one.faults, ...two.faults], []);
});
