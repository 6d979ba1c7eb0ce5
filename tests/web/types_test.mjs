// The module and a use of it pass the TypeScript compiler in its strict mode.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {dirname, join} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';

import {npm_package_folder} from './npm_package.mjs';

const compiler = join(npm_package_folder('typescript'), 'bin', 'tsc');
const folder = dirname(fileURLToPath(import.meta.url));

test('signalbox.js and a program that uses it are typed', () => {
  const {status, stdout} = spawnSync(process.execPath, [compiler, '--allowJs', '--checkJs', '--strict', '--noEmit',
    '--noUnusedLocals', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler',
    '--lib', 'es2023,dom', '--types', '', join(folder, 'typed_use.mjs')], {encoding: 'utf8'});
  assert.equal(`${stdout}${status}`, '0');
});
