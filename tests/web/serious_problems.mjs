// axe-core in a page.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';

import {npm_package_folder} from './npm_package.mjs';

const kAxe = readFileSync(join(npm_package_folder('axe-core'), 'axe.min.js'), 'utf8');

/** What axe finds serious or worse. */
export async function serious_problems(page) {
  await page.evaluate(kAxe);
  const {violations} = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations']}));
  return violations.filter(({impact}) => ['serious', 'critical'].includes(impact))
    .map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 200)).join(' | ')}`);
}
