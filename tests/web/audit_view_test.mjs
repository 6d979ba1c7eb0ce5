// The audit page for people who use only the keyboard, a screen reader or a phone, and before a long
// history. Run by `node audit_view_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {all_filled, go, kPhone, open_audit, rows, rows_that, scrolls_sideways, sign_in_auditor} from './audit_page.mjs';
import {context_of, launch_browser} from './chat_page.mjs';
import {converse, make_history} from './made_history.mjs';
import {serious_problems} from './serious_problems.mjs';
import {Service, until, until_count} from './service.mjs';

const kLongRuns = 834; // of six events each: more than 5,000
const kPage = 100; // events that are asked for at a time

let service;
let browser;
let long_events;
before(async () => {
  service = await new Service({SIGNALBOX_LIMITS_MESSAGES_PER_SECOND: '10000', SIGNALBOX_LIMITS_MESSAGES_BURST: '10000'}).start();
  browser = await launch_browser();
  await converse(service, 'anna', 't-1', ['what is 17 * 23?', 'w'.repeat(3000)]);
  long_events = await make_history(service, 'old', 't-old', kLongRuns);
});
after(async () => {
  await browser?.close();
  await service?.remove();
});

async function auditor(t, of = {}, options = {}) {
  const context = await context_of(t, browser, options);
  const page = await open_audit(context, service.address, of);
  t.after(() => assert.deepEqual(page.faults, []));
  await sign_in_auditor(page);
  return page;
}

test('a history of 5,000 events: the newest at once, all of it by scrolling, and newer ones when asked', async (t) => {
  assert.ok(long_events >= 5000);
  const page = await auditor(t, {user: 'old', tab: 'timeline'});
  const first = await until(async () => { // an archive that is behind for two seconds answers with what it has
    const shown = await rows_that(page, ({length}) => length > 0, 'of the newest');
    if (shown[0].seq === long_events) return shown;
    await page.reload();
    return false;
  }, 'the newest event');
  assert.ok(first.length < 1000, `${first.length}`);
  await until_count(async () => {
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    return page.locator('.timeline .event').count();
  }, long_events, 'events of the timeline');
  await page.waitForSelector('.timeline .end-of-list', {state: 'visible'});
  const all = await rows(page);
  assert.deepEqual(all.map(({seq}) => seq), Array.from({length: long_events}, (_, i) => long_events - i));
  assert.deepEqual(all.filter(({kind}) => kind === 'message received').map(({gist}) => gist).reverse(),
    Array.from({length: kLongRuns}, (_, i) => `what is ${i} + 1?`));

  await converse(service, 'old', 't-new', ['what is 5 + 5?']);
  await page.click('text=Look for newer events');
  const [newest] = await rows_that(page, ([row]) => row.seq > long_events, 'of what came meanwhile');
  assert.equal(newest.gist, '5 + 5 = 10');

  const asked = page.requests.length;
  const linked = await open_audit(page.context(), service.address, {user: 'old', tab: 'timeline', seq: 2500});
  await linked.waitForSelector('.event[open] .seq:text-is("2500")');
  assert.ok((await rows(linked)).length <= 3 * kPage);
  assert.equal(await linked.evaluate(() => {
    const {top, bottom} = document.querySelector('.event[open] > summary').getBoundingClientRect();
    return top > 0 && bottom < innerHeight;
  }), true);
  assert.equal(page.requests.length, asked); // a page that nobody scrolls asks for nothing
});

const kTabs = ['Timeline', 'Runs', 'State', 'Verify', 'Export', 'Views'];

test('the keyboard alone is enough', async (t) => {
  const context = await context_of(t, browser);
  const page = await open_audit(context, service.address);
  const focused = () => page.evaluate(() => {
    const {activeElement: at} = document;
    return at === document.body ? '' : at.id || at.textContent.trim();
  });
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  assert.equal(await focused(), 'name');
  await page.keyboard.type('keys');
  await press('Enter');
  await page.waitForSelector('#user_list a');
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
  });
  await press('Tab');
  assert.equal(await focused(), 'skip');
  while (await focused() !== 'prefix') await press('Tab');
  await page.keyboard.insertText('ann'); // at once: the page looks a while after the last letter
  await page.waitForSelector('#found:has-text("1 user")');
  await press('ArrowDown', 'Enter');
  const all = await rows_that(page, (shown) => shown.at(-1)?.seq === 1, 'of anna');

  // What can be reached from the top, each seen when it is.
  await press('Tab');
  const order = [];
  for (let i = 0; i < 20 && !(order.at(-1) ?? '').startsWith(`${all[0].seq}`); i++) {
    order.push(await focused());
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', order.at(-1));
    await press('Tab');
  }
  assert.deepEqual(order.filter((text) => kTabs.includes(text)), kTabs);
  assert.ok(order.some((text) => text.startsWith('Filters')), order.join('; '));
  await page.focus('.event summary');
  await press('ArrowDown', 'ArrowDown', 'Enter');
  await page.waitForSelector(`.event[open]:has(.seq:text-is("${all[2].seq}")) .links a`); // filled after it is open
  while (!/This run as a tree/.test(await focused())) await press('Tab');
  await press('Enter');
  await page.waitForSelector('.causes .event');
  await page.focus('.causes summary');
  await press('ArrowDown', 'Space');
  await page.waitForSelector('.cause[open] .detail');
});

test('what changes is told to screen readers, and everything has a name', async (t) => {
  const page = await auditor(t, {user: 'anna', tab: 'verify'});
  await page.click('text=Verify this record');
  await until(async () => /The record is whole/.test(await page.textContent('#say')), 'verdict read aloud');
  for (const tab of kTabs) {
    await page.click(`.tabs a:has-text("${tab}")`);
    await page.waitForSelector(`.tabs a[aria-current="page"]:has-text("${tab}")`);
    assert.equal(await page.locator('.tabs a[aria-current]').count(), 1);
    assert.match(await page.title(), new RegExp(`^anna: ${tab} `));
    await page.getByRole('region', {name: tab, exact: true}).waitFor();
  }
});

/** Each place of the page with something on it. */
async function each_place(page, check) {
  await page.waitForSelector('#user_list a');
  await check('start');
  const shown = {timeline: '.event', runs: '.run-row', state: '.known', verify: 'text=Verify this record', export: 'text=Download',
    views: '.view-row'};
  for (const [tab, selector] of Object.entries(shown)) {
    await go(page, {user: 'anna', tab});
    await page.waitForSelector(`.view ${selector}`.replace('.view text', '#view >> text'));
    if (tab === 'timeline') {
      await page.click('.event summary >> nth=0');
      await page.waitForSelector('.event[open] .detail');
    }
    await all_filled(page);
    if (tab === 'runs') {
      await check('runs');
      await page.click('.run-row >> nth=-1');
      await page.click('.cause summary >> nth=2');
      await page.waitForSelector('.cause[open] .detail');
    }
    if (tab === 'verify') {
      await page.click('text=Verify this record');
      await page.waitForSelector('.verdict');
    }
    await check(tab);
  }
  await go(page, {user: 'anna', tab: 'state', at: '2', with: '7'});
  await page.waitForSelector('.differences');
  await check('differences');
}

/** Cells of a row whose texts are drawn over each other. */
const overlaps = (page) => page.evaluate(() => [...document.querySelectorAll('.event > summary, .run-row, .view-row')]
  .flatMap((row) => {
    const cells = [...row.children].filter((cell) => cell.checkVisibility() && cell.textContent !== '').map((cell) => {
      const text = document.createRange();
      text.selectNodeContents(cell);
      const {left, right, top, bottom} = text.getBoundingClientRect();
      const is_cut = getComputedStyle(cell).overflow !== 'visible';
      return {cell, left, right: is_cut ? Math.min(right, cell.getBoundingClientRect().right) : right, top, bottom};
    });
    return cells.flatMap((a, i) => cells.slice(i + 1).filter((b) =>
      a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
      .map((b) => `${a.cell.textContent} | ${b.cell.textContent}`));
  }));

test('a phone: nothing is wider than it, and users come and go', async (t) => {
  const page = await auditor(t, {}, kPhone);
  await each_place(page, async (name) => {
    assert.equal(await scrolls_sideways(page), false, name);
    assert.deepEqual(await overlaps(page), [], name);
    const small = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, select, summary, .tabs a')]
      .filter((node) => node.checkVisibility() && !node.matches('.unseen') && node.getBoundingClientRect().height < 24)
      .map((node) => node.id || node.textContent));
    assert.deepEqual(small, [], name);
  });
  assert.equal(await page.isVisible('#user_list'), false);
  await page.tap('#back');
  await page.waitForSelector('#user_list', {state: 'visible'});
  await page.tap('#user_list a:has-text("anna")');
  await page.waitForSelector('.event');
  assert.equal(await page.isVisible('#user_list'), false);
});

for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing serious, ${colorScheme}`, async (t) => {
    for (const options of [{colorScheme}, {colorScheme, ...kPhone}]) {
      const context = await context_of(t, browser, options);
      const page = await open_audit(context, service.address);
      assert.deepEqual(await serious_problems(page), []);
      await sign_in_auditor(page);
      await each_place(page, async (name) => assert.deepEqual(await serious_problems(page), [], name));
      await page.route('**/v1/audit/**', (route) => route.abort());
      await go(page, {user: 'old', tab: 'runs'});
      await page.waitForSelector('#banner', {state: 'visible'});
      assert.deepEqual(await serious_problems(page), []);
    }
  });
