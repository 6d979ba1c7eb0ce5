// The pictures that ops/screenshots has drawn: each of them is there, is a picture of the width it is
// named after, and is as dark or light as its name says. Into a folder of its own. Run by
// `node screenshots_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';

import {launch_browser} from './chat_page.mjs';

const kRoot = fileURLToPath(new URL('../..', import.meta.url));
const kSignature = Buffer.from('89504e470d0a1a0a', 'hex');
const kWidth = {desktop: 1280, phone: 2 * 390}; // a phone has two pixels in each direction
const kOfBoth = ['chat-sign-in', 'chat-talk', 'chat-done', 'audit-sign-in', 'audit-users', 'audit-timeline', 'audit-runs',
  'audit-tree', 'audit-state', 'audit-differences', 'audit-verify', 'audit-views'];
const kOfPhones = ['chat-threads'];

/** How bright a picture is on the whole, 0 to 255. */
const brightness = (page, png) => page.evaluate(async (base64) => {
  const image = new Image();
  image.src = `data:image/png;base64,${base64}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  const {data} = canvas.getImageData(0, 0, image.width, image.height);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += data[at] + data[at + 1] + data[at + 2];
  return sum / (data.length / 4) / 3;
}, png.toString('base64'));

test('every picture of both pages is drawn, at phone and desktop width, light and dark', async (t) => {
  const browser = await launch_browser();
  t.after(() => browser.close());
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-pictures-'));
  t.after(() => rmSync(folder, {recursive: true}));
  const drawing = spawn(process.execPath, [join(kRoot, 'ops/bench/chat_page.mjs'), 'screenshots', folder], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {...process.env, SIGNALBOX_PLAYBOOK: join(kRoot, 'tests/data/conversations.jsonl.gz')}});
  assert.deepEqual(await once(drawing, 'exit'), [0, null]);
  const wanted = Object.keys(kWidth).flatMap((size) => ['light', 'dark'].flatMap((scheme) =>
    [...kOfBoth, ...(size === 'phone' ? kOfPhones : [])].map((what) => `${what}-${size}-${scheme}.png`)));
  assert.deepEqual(readdirSync(folder).sort(), wanted.sort());
  const page = await browser.newPage();
  for (const name of wanted) {
    const png = readFileSync(join(folder, name));
    assert.deepEqual(png.subarray(0, 8), kSignature, name);
    const [, size, scheme] = /-(desktop|phone)-(light|dark)\.png$/.exec(name);
    assert.equal(png.readUInt32BE(16), kWidth[size], name);
    const bright = await brightness(page, png);
    assert.ok(scheme === 'dark' ? bright < 100 : bright > 155, `${name}: ${bright}`);
  }
});
