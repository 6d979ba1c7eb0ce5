// The audit page: how long its first view of a long history takes, and its pictures. Used by
// chat_page.mjs.
import {availableParallelism, loadavg} from 'node:os';
import {join} from 'node:path';

import {kSizes, ready_at, settled, talk, told} from './pages.mjs';

const place = (of) => `/audit#${new URLSearchParams(of)}`;

/** A page of an auditor who is signed in by name. */
async function auditor(context, address, of) {
  const page = await context.newPage();
  await page.goto(address + place(of));
  await page.fill('#name', 'auditor');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#audit', {state: 'visible'});
  return page;
}

/** `loads` times, after `runs` runs of six events each. */
export async function measure_audit(browser, address, {loads, runs}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}});
  const page = await context.newPage();
  await page.goto(address);
  let started = performance.now();
  await talk(page, 'long', 't-long', Array.from({length: runs}, (_, i) => `what is ${i} * 7?`));
  console.log(`${6 * runs} events of one user were made in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await auditor(context, address, {});
  const views = [];
  const worked = [];
  for (let i = 0; i < loads; i++) {
    const loading = await context.newPage();
    const devtools = await context.newCDPSession(loading);
    await devtools.send('Network.enable');
    await devtools.send('Performance.enable', {timeDomain: 'threadTicks'});
    await devtools.send('Network.setCacheDisabled', {cacheDisabled: true});
    await settled();
    await loading.goto(address + place({user: 'long', tab: 'timeline'}));
    const ready = await ready_at(devtools);
    views.push(ready.at);
    worked.push(ready.worked);
    if (i === 0) console.log(`rows of the first view: ${await loading.locator('.timeline .event').count()}`);
    await loading.close();
  }
  console.log(`audit page, load to the newest 100 events, nothing cached, p50, p95, p99, max of ${loads}: ${told(views)} ms (asked: below 300)`);
  console.log(`CPU of the page's thread, half a second longer, p50, p95, p99, max: ${told(worked)} ms; `
    + `this machine's load average: ${loadavg().map((load) => load.toFixed(1)).join(', ')} on ${availableParallelism()} cores`);
  started = performance.now();
  const other = await context.newPage();
  await other.goto(address + place({user: 'long', tab: 'timeline', seq: 3 * runs}));
  await other.waitForSelector('.event[open]');
  console.log(`an event in the middle by its address: ${(performance.now() - started).toFixed(0)} ms with the page's load`);
  await context.close();
}

/** Each view of one user, by what shows that it is there. */
const kPictures = {
  users: [{}, '#user_list a'],
  timeline: [{user: 'anna', tab: 'timeline'}, '.event'],
  runs: [{user: 'anna', tab: 'runs'}, '.run-row'],
  state: [{user: 'anna', tab: 'state', at: '6'}, '.known'],
  differences: [{user: 'anna', tab: 'state', at: '3', with: '7'}, '.differences'],
  verify: [{user: 'anna', tab: 'verify'}, 'text=Verify this record'],
  views: [{user: 'anna', tab: 'views'}, '.view-row'],
};

async function draw_one(context, address, name_of) {
  const page = await context.newPage();
  await page.goto(`${address}/audit`);
  await page.screenshot({path: name_of('sign-in')});
  await page.close();
  const shown = await auditor(context, address, {});
  for (const [what, [of, there]] of Object.entries(kPictures)) {
    await shown.evaluate((hash) => { location.hash = hash; }, place(of).slice('/audit'.length));
    await shown.waitForSelector(there);
    if (what === 'timeline') await shown.click('.event:has-text("get_menu_items") summary');
    if (what === 'verify') {
      await shown.click(there);
      await shown.waitForSelector('.verdict');
    }
    await shown.evaluate(() => scrollTo(0, 0));
    await shown.screenshot({path: name_of(what)});
    if (what !== 'runs') continue;
    await shown.click('.run-row:has-text("playbook")');
    await shown.waitForSelector('.causes .event');
    await shown.screenshot({path: name_of('tree')});
  }
}

export async function draw_audit(browser, address, folder) {
  const talking = await browser.newPage();
  await talking.goto(address);
  await talk(talking, 'anna', 't-sums', ['what is 17 * 23?', 'What is 15% of 80?']);
  await talk(talking, 'anna', 't-words', ['Is racecar a palindrome?', 'How many feet are in a mile?']);
  await talk(talking, 'anna', 't-coffee', ['Can I get an mocha for Jean?'], 'playbook');
  for (const user of ['anton', 'berta', 'carla', 'dorothea', 'emil'])
    await talk(talking, user, 't-1', ['help', 'How many days until Christmas?'].slice(0, 1 + user.length % 2));
  await talking.close();
  for (const [size, options] of Object.entries(kSizes))
    for (const colorScheme of ['light', 'dark']) {
      const context = await browser.newContext({...options, colorScheme, locale: 'en-GB'});
      await draw_one(context, address, (what) => join(folder, `audit-${what}-${size}-${colorScheme}.png`));
      await context.close();
    }
}
