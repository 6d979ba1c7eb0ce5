// The chat page and the audit page in Debian's Chromium over a service of their own: `chat_page.mjs
// measure` prints how long the chat page takes from load to ready and how 10,000 messages scroll, from
// the browser's own trace; `chat_page.mjs audit` the first view of the audit page of a user with
// 100,000 events; `chat_page.mjs screenshots FOLDER` draws both at phone and desktop width, light and
// dark. --loads, --runs and --seconds make it smaller. Run by ops/bench/chat_page and ops/screenshots,
// with SIGNALBOX_PROGRAM, SIGNALBOX_NPM (the folder of playwright-core) and SIGNALBOX_PLAYBOOK. Exit
// code 1 where it cannot be done.
import {readFileSync} from 'node:fs';
import {availableParallelism, loadavg} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

import {draw_audit, measure_audit} from './audit_page.mjs';
import {kSizes, ready_at, settled, talk, told, with_service} from './pages.mjs';

/** How large, by what is measured: pages loaded, runs talked of, seconds scrolled. */
const kSizesOf = {
  measure: {loads: 10, runs: 5_000, seconds: 10}, // a run is a message and its answer
  audit: {loads: 20, runs: 16_700}, // of six events each: 100,000
};
const kLateMs = 2.05 * 1000 / 60; // two frames, and what clocks differ by

/** A page that is signed in and shows its newest thread's newest messages. */
async function signed_in(context, address, user, thread = '') {
  const page = await context.newPage();
  await page.goto(`${address}/#${thread}`);
  await page.fill('#name', user);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => performance.getEntriesByName('signalbox-ready').length > 0);
  return page;
}

async function measure_load(browser, address, {loads}) {
  const first = [];
  const again = [];
  const worked = [];
  let bytes = 0;
  for (let i = 0; i < loads; i++) {
    const context = await browser.newContext();
    const page = await signed_in(context, address, 'loads', 't-loads');
    if (i === 0) await talk(page, 'loads', 't-loads', Array(20).fill('what is 17 * 23?'));
    const load = async (how) => {
      const loading = await context.newPage();
      const network = await context.newCDPSession(loading);
      await network.send('Network.enable');
      await network.send('Performance.enable', {timeDomain: 'threadTicks'});
      await network.send('Network.setCacheDisabled', {cacheDisabled: how === first});
      if (how === first && i === 0) network.on('Network.loadingFinished', ({encodedDataLength}) => { bytes += encodedDataLength; });
      await settled();
      await loading.goto(`${address}/#t-loads`);
      const ready = await ready_at(network);
      how.push(ready.at);
      worked.push(ready.worked);
      await loading.close();
    };
    await load(first);
    await load(again);
    await context.close();
  }
  console.log(`load to ready, nothing cached     p50, p95, p99, max of ${loads}: ${told(first)} ms (asked: below 300)`);
  console.log(`load to ready, files unchanged    p50, p95, p99, max of ${loads}: ${told(again)} ms`);
  console.log(`CPU of the page's thread, half a second longer, p50, p95, p99, max of ${2 * loads}: ${told(worked)} ms; `
    + `this machine's load average: ${loadavg().map((load) => load.toFixed(1)).join(', ')} on ${availableParallelism()} cores`);
  console.log(`bytes of a first load with a token, 20 messages and the list: ${bytes}`);
}

/** What the browser's trace says about the frames from when something was asked for to its last scroll event. */
async function traced(browser, page, what, act) {
  await browser.startTracing(page, {categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline',
    'disabled-by-default-devtools.timeline.frame', 'blink.user_timing', 'toplevel']});
  await page.evaluate(() => performance.mark('asked'));
  await act();
  const {traceEvents} = JSON.parse((await browser.stopTracing()).toString());
  const begin = traceEvents.find(({name, cat}) => name === 'asked' && cat === 'blink.user_timing');
  // Behind the last one nothing moves but the caret of the message box, twice a second.
  const scrolls = traceEvents.filter(({name, args}) => name === 'EventDispatch' && args?.data?.type === 'scroll');
  if (scrolls.length === 0) throw new Error(`${what}: nothing moved`);
  const end = scrolls.reduce((last, one) => (one.ts > last.ts ? one : last));
  const within = traceEvents.filter(({ts}) => ts >= begin.ts && ts <= end.ts);
  const drawn = [begin, ...within.filter(({name}) => name === 'DrawFrame')].map(({ts}) => ts).sort((a, b) => a - b);
  const gaps = drawn.slice(1).map((ts, i) => (ts - drawn[i]) / 1000);
  const late = (i) => gaps[i] > kLateMs;
  // What the page's own thread worked, without waiting for a processor: says more on a busy machine.
  const of_page = within.filter(({tid, pid}) => tid === end.tid && pid === end.pid);
  const worked = of_page.filter(({name, tdur}) => name === 'RunTask' && tdur).map(({tdur}) => tdur / 1000);
  const collected = of_page.filter(({name}) => name === 'MajorGC')
    .filter(({ts, dur}) => drawn.some((at, i) => late(i) && ts < drawn[i + 1] && ts + dur > at)).map(({dur}) => dur / 1000);
  console.log(`${what}: ${gaps.length} frames, ms between them p50, p95, p99, max: ${told(gaps)}; `
    + `the first ${gaps[0].toFixed(1)}; over two frames (${kLateMs.toFixed(1)} ms): ${gaps.filter((_, i) => late(i)).length}`
    + `${collected.length ? `, the browser's collector in ${collected.map((ms) => ms.toFixed(1)).join(', ')} ms of them` : ''}; `
    + `page's CPU per task p50, p95, p99, max: ${told(worked)} ms, `
    + `${(worked.reduce((sum, ms) => sum + ms, 0) / gaps.length).toFixed(1)} ms a frame`);
}

async function measure_scroll(browser, address, {runs, seconds}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}});
  const page = await signed_in(context, address, 'scrolls', 't-other');
  let started = performance.now();
  await talk(page, 'scrolls', 't-scrolls', Array.from({length: runs}, (_, i) =>
    (i % 10 === 9 ? 'help' : i % 3 ? `what is ${i} * 7?` : 'hello')));
  console.log(`${2 * runs} messages were made in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await page.goto(`${address}/#t-scrolls`);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('.turn').length > 0);
  started = performance.now();
  await page.evaluate((wanted) => new Promise((all_here) => {
    const scroller = document.getElementById('scroller');
    const up = () => {
      scroller.scrollTop = 0;
      if (document.querySelectorAll('.turn').length >= wanted && document.getElementById('older').hidden) all_here();
      else setTimeout(up, 5);
    };
    up();
  }), runs);
  console.log(`all of them were pulled and shown in ${((performance.now() - started) / 1000).toFixed(1)} s, `
    + `${await page.evaluate(() => document.getElementsByTagName('*').length)} elements`);
  const devtools = await context.newCDPSession(page);
  const scroll = (distance, speed) => devtools.send('Input.synthesizeScrollGesture',
    {x: 800, y: 400, yDistance: distance, speed, preventFling: true, gestureSourceType: 'mouse'});
  const height = await page.evaluate(() => document.getElementById('scroller').scrollHeight);
  await traced(browser, page, `scrolled down at 3,000 px/s for ${seconds} s`, () => scroll(-3_000 * seconds, 3_000));
  await page.evaluate(() => { document.getElementById('scroller').scrollTop = 0; });
  await settled();
  await traced(browser, page, `scrolled through all ${height} px at 40,000 px/s`, () => scroll(-height, 40_000));
  await traced(browser, page, `and up at 10,000 px/s for ${seconds} s`, () => scroll(10_000 * seconds, 10_000));
  await context.close();
}

async function measure(browser, address, size) {
  await measure_load(browser, address, size);
  await measure_scroll(browser, address, size);
}

/** What to do, and how large. */
function asked() {
  const numbers = Object.fromEntries(['loads', 'runs', 'seconds'].map((name) => [name, {type: 'string'}]));
  const {values, positionals: [what, where]} = parseArgs({allowPositionals: true, options: numbers});
  const size = {...kSizesOf[what]};
  for (const [name, text] of Object.entries(values)) size[name] = Number(text);
  return {what, where, size};
}

async function draw(browser, address, folder) {
  for (const [size, options] of Object.entries(kSizes))
    for (const colorScheme of ['light', 'dark']) {
      const name = (what) => join(folder, `chat-${what}-${size}-${colorScheme}.png`);
      const user = `ann-${size}-${colorScheme}`;
      const context = await browser.newContext({...options, colorScheme, locale: 'en-GB'});
      const page = await context.newPage();
      await page.goto(address);
      await page.screenshot({path: name('sign-in')});
      const shown = await signed_in(context, address, user, 't-3');
      await talk(shown, user, 't-1', ['How many feet are in a mile?', 'What is 15% of 80?']);
      await talk(shown, user, 't-2', ['How many days until Christmas?']);
      await talk(shown, user, 't-3', ['what is 17 * 23?', 'Is racecar a palindrome?']);
      await shown.locator('.steps summary').first().click();
      await shown.selectOption('#agent', 'playbook');
      await shown.fill('#message', 'Can I get an mocha for Jean?');
      await shown.press('#message', 'Enter');
      await shown.waitForSelector('.turn[data-state="running"] li:nth-child(3).busy');
      await shown.fill('#message', 'and a chai latte');
      await shown.screenshot({path: name('talk')});
      await shown.waitForSelector('.turn:last-child[data-state="done"]');
      await shown.screenshot({path: name('done')});
      if (size === 'phone') {
        await shown.tap('#menu');
        await shown.waitForFunction(() => document.getElementById('threads').getBoundingClientRect().left === 0);
        await shown.screenshot({path: name('threads')});
      }
      await context.close();
    }
}

await with_service(async (browser, address) => {
  const {what, where, size} = asked();
  if (what === 'measure') return measure(browser, address, size);
  if (what === 'audit') return measure_audit(browser, address, size);
  if (what !== 'screenshots' || !where) throw new Error(readFileSync(new URL(import.meta.url), 'utf8').split('\nimport')[0]);
  await draw(browser, address, where);
  return draw_audit(browser, address, where);
});
