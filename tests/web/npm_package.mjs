// Packages of npm live in the build tree, in the folder that SIGNALBOX_NPM names (see install.sh).
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';

/** Ends this process as a skipped test that says what it lacks. @param {string} reason */
export function skip_all(reason) {
  console.log(`SKIPPED: ${reason}`);
  process.exit(77);
}

/** Where the package is. */
export function npm_package_folder(name) {
  const folder = join(process.env.SIGNALBOX_NPM ?? '', 'node_modules', name);
  if (!existsSync(folder)) skip_all(`needs the npm package ${name}, which install.sh could not install`);
  return folder;
}

/** What the package exports. */
export function npm_package(name) {
  return createRequire(join(npm_package_folder(name), 'package.json'))(name);
}
