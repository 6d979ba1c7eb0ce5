// The module and a use of it, and the audit page, pass the TypeScript compiler in its strict mode.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {dirname, join} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';

import {npm_package_folder} from './npm_package.mjs';

const compiler = join(npm_package_folder('typescript'), 'bin', 'tsc');
const folder = dirname(fileURLToPath(import.meta.url));

/** Exit code and words of the compiler about this file and all that it imports. */
function checked(file) {
  const {status, stdout} = spawnSync(process.execPath, [compiler, '--allowJs', '--checkJs', '--strict', '--noEmit',
    '--noUnusedLocals', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler',
    '--lib', 'es2023,dom,dom.iterable', '--types', '', join(folder, file)], {encoding: 'utf8'});
  return `${stdout}${status}`;
}

test('signalbox.js and a program that uses it are typed', () => assert.equal(checked('typed_use.mjs'), '0'));
test('the audit page and all that it loads are typed', () => assert.equal(checked('../../gateway/web/audit.js'), '0'));
