// The audit page as an auditor drives it, in Debian's Chromium.
import {open_page} from './chat_page.mjs';
import {until} from './service.mjs';

export const kPhone = {viewport: {width: 360, height: 640}, hasTouch: true, isMobile: true};

/** The fragment of a place: {user, tab, seq, thread, run, type, from, to, at, with, job}. */
export const place = (of) => `#${new URLSearchParams(of)}`;

export const open_audit = (context, address, of = {}) => open_page(context, address, `/audit${place(of)}`);

/** Signed in by name. */
export async function sign_in_auditor(page, name = 'auditor') {
  await page.fill('#name', name);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#audit', {state: 'visible'});
}

/** Goes to a place without a load. */
export const go = (page, of) => page.evaluate((hash) => { location.hash = hash; }, place(of));

/** The rows of the timeline as they stand: [{seq, kind, gist, thread}]. */
export const rows = (page) => page.evaluate(() => [...document.querySelectorAll('.timeline .event')].map((row) => ({
  seq: Number(row.querySelector('.seq').textContent),
  kind: row.querySelector('.kind').textContent,
  gist: row.querySelector('.gist').textContent,
  thread: row.querySelector('.of-thread').textContent,
})));

/** Waits for rows of the timeline that are so. */
export const rows_that = (page, are_so, what) => until(async () => {
  const shown = await rows(page);
  return are_so(shown) && shown;
}, async () => `rows ${what}; ${JSON.stringify(await rows(page)).slice(0, 1500)}`);

/** The page fills what is opened in a task of its own. */
export const all_filled = (page) => page.waitForSelector('.known details[open]:not(:has(> .known))', {state: 'detached'});

export const fault = (page) => page.textContent('#fault');

export const scrolls_sideways = (page) => page.evaluate(() => {
  const {scrollWidth, clientWidth} = document.documentElement;
  return scrollWidth > clientWidth;
});
