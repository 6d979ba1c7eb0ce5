// The chat page as a person drives it, in Debian's Chromium.
import {existsSync} from 'node:fs';

import {npm_package, skip_all} from './npm_package.mjs';
import {kWaitMs, until} from './service.mjs';

const kChromium = '/usr/bin/chromium';

/** What drives Debian's Chromium; where either is missing, this process ends as a skipped test. */
export function chromium_to_drive() {
  const {chromium} = npm_package('playwright-core');
  if (!existsSync(kChromium)) skip_all(`needs ${kChromium} of the Debian package chromium`);
  return chromium;
}

export async function launch_browser() {
  return chromium_to_drive().launch({executablePath: kChromium, args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']});
}

/** A context of its own, as of another device, for as long as the test. */
export async function context_of(t, browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(kWaitMs);
  t.after(() => context.close());
  return context;
}

/** A page at this address, with what it asked for and what went wrong in it. */
export async function open_page(context, address, path = '/') {
  const page = await context.newPage();
  page.faults = [];
  page.requests = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('request', (request) => page.requests.push(request.url()));
  page.on('websocket', (socket) => page.requests.push(socket.url()));
  await page.goto(`http://${address}${path}`);
  return page;
}

export const is_live = (page) => page.waitForSelector('#status[data-state="live"]');

/** Signed in by name and live. */
export async function sign_in(page, user) {
  await page.fill('#name', user);
  await page.keyboard.press('Enter');
  await is_live(page);
}

/** What the open thread shows, in order: [{said, answer, state, end}]. */
export const turns = (page) => page.evaluate(() => [...document.querySelectorAll('#turns .turn:not([hidden])')].map((turn) => ({
  said: turn.querySelector('.said .text')?.textContent,
  answer: turn.querySelector('.run > .text')?.textContent,
  end: turn.querySelector('.end')?.textContent,
  state: turn.dataset.state,
})));

export async function say(page, text) {
  await page.fill('#message', text);
  await page.press('#message', 'Enter');
}

/** Waits until so many turns of the open thread are done, and gives all of them. */
export const done_turns = (page, count) => until(async () => {
  const shown = await turns(page);
  return shown.filter(({state}) => state === 'done').length >= count && shown;
}, async () => `${count} done turns; ${JSON.stringify(await turns(page)).slice(0, 2000)}`);

/** Says and waits for the answer. */
export async function ask(page, text) {
  const before = (await turns(page)).length;
  await say(page, text);
  return (await until(async () => {
    const shown = await turns(page);
    return shown.length > before && shown.at(-1).state === 'done' && shown;
  }, async () => `answer to ${text}; ${JSON.stringify((await turns(page)).slice(-2))}`)).at(-1);
}

/** Opens the steps of every turn. The page fills them in a task of its own, after the click. */
export async function open_steps(page) {
  for (const steps of await page.locator('.steps').all()) {
    await steps.evaluate((node) => {
      node.filled = new Promise((then) => { node.addEventListener('toggle', () => node.open && then()); });
    });
    await steps.locator('summary').click();
    await steps.evaluate((node) => node.filled);
  }
}

export const scrolls_sideways = (page) => page.evaluate(() => {
  const wide = [document.documentElement, document.getElementById('scroller')];
  return wide.some(({scrollWidth, clientWidth}) => scrollWidth > clientWidth);
});
